"""Completeness: which share of the expected readings came and counts, by day, month and year; the cause of each gap."""
