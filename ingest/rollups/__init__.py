"""Hourly and daily values: a consumer of the change feed that makes anew every bucket in which something changed."""
