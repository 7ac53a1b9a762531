"""Hourly and daily values: a consumer of the change feed that recomputes every bucket in which something changed."""
