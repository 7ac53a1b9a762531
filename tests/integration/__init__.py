"""Tests against a real Mosquitto, a real TimescaleDB and pseudo terminals."""
