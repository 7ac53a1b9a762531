"""The clock of the centre: runs what is due by time. It belongs to the command line because it calls every service."""
