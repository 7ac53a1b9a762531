"""Broker to database: batches, both books, dead letters, end-to-end acknowledgements; behind it, quality tests."""
