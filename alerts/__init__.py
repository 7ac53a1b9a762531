"""Alerts, from database to people: rules, evaluation in event time, the life of an alarm, messages, carriers."""
