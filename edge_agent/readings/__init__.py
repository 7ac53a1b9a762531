"""Readings on their way through the agent: samples, misses and their counts, the records of closed slots."""
