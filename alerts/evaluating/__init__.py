"""From the change feed to alarms, in event time."""
