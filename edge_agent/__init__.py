"""Runs beside the instruments: reads, spools, publishes, and obeys the acknowledgements of ingest."""
