"""The field in a box: simulated instruments on real ports, following their manuals."""
