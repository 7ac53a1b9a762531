"""Stations divided among processes: workers, the slots they hold, and for how long."""
