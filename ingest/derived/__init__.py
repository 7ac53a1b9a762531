"""Derived channels: a consumer of the change feed that recomputes every value whose inputs changed."""
