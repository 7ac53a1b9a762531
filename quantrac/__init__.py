"""Quantrac runs a network of automatic water and air monitoring stations."""
