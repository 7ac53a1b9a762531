"""Derived channels: a consumer of the change feed that makes anew every value one of whose inputs changed."""
