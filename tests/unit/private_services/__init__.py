"""Configuration of the private servers, as pure functions."""
