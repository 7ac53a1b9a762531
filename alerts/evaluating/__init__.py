"""Evaluation: from the change feed to alarms, in event time."""
