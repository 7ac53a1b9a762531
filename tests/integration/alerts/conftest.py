"""Fixtures of the alerts' tests against a real TimescaleDB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from quantrac.database.pool import Connection, connect


@pytest.fixture
def conn(database: str) -> Iterator[Connection]:
    """A connection to a fresh database."""
    with connect(database, "test") as connection:
        yield connection
