"""Ingest, from broker to database: batches, both books, dead letters, acks; and the consumers behind it."""
