"""Faults of the simulated field: their grammar, their targets, and what they do to an answer."""
