"""Limits of decrees against what was measured: which values were not allowed, how many, and the worst."""
