"""Imports of the years before Quantrac: readings from files, through the checks, books and feed of the stations."""
