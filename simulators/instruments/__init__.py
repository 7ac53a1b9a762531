"""Simulated instruments, each written from its manual, sharing nothing with the agent that reads it."""
