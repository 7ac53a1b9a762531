"""Desks that belong to no single service: network, books, reviews, commands, export, status."""
