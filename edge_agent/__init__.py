"""The edge agent: reads a station's instruments, spools and publishes the readings, obeys the acks of ingest."""
