"""Tests that need no server and never sleep."""
