"""The private servers, started for real."""
