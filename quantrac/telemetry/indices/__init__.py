"""Indices that Vietnamese rules and farm practice compute from measured values. Pure: no clock, no database."""
