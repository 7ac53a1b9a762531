"""The same small network as the database's tests."""

from tests.integration.database.conftest import conn, world

__all__ = ["conn", "world"]
