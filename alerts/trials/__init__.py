"""Trials of rules: the findings of a check, rule tests, back-tests over stored readings."""
