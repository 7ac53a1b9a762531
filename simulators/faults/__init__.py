"""Faults of the simulated field: how they are written, whom they strike, what they do to an answer."""
