"""The same small network as the database's tests."""

from tests.integration.database.conftest import world

__all__ = ["world"]
