"""Storing a batch in one transaction, and pictures beside it."""
