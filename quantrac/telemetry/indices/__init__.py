"""Indices that Vietnamese rules and farm practice make of measured values. Pure functions, no clock, no database."""
