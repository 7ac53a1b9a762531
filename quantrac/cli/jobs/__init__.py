"""The clock of the centre: what is due by time. It stands with the command line, for it may call every service."""
