"""Simulated network cameras and the JPEG pictures that they serve."""
