"""Database → people: rules, evaluation in event time, life of an alarm, routing, outbox, channels."""
