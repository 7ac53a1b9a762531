"""The spool: every message is on disk before it is published, and its fate is known."""
