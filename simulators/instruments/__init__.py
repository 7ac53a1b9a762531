"""Instruments, each written from the facts of its manual and sharing nothing with the agent that reads it."""
