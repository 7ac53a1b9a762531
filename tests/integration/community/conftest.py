"""A database on the user's own server with TimescaleDB's Community edition, in the place of the private one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from quantrac.database.edition import tune
from quantrac.database.migration import migrate
from quantrac.database.pool import Connection, connect
from tests.integration.database.conftest import reader, world
from tests.integration.ingest.conftest import network

__all__ = ["network", "reader", "world"]

_numbers = itertools.count(1)


@pytest.fixture
def new_database(community_url: str) -> Iterator[Callable[[], str]]:
    """A maker of empty databases on the user's server, dropped at the end."""
    made: list[str] = []
    with psycopg.connect(community_url, autocommit=True) as server:

        def make() -> str:
            made.append(f"quantrac_test_{os.getpid()}_{next(_numbers)}")
            server.execute(f"create database {made[-1]}")
            return urlunsplit(urlsplit(community_url)._replace(path=f"/{made[-1]}"))

        yield make
        for name in made:
            server.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    """Address of a database as `quantrac db migrate` leaves it; hides the fixture of the private server."""
    url = new_database()
    migrate(url)
    with connect(url, "test") as conn:
        tune(conn)
    return url


def compress_everything(conn: Connection) -> int:
    """Compress every week whatever its age, as the clock does with old ones; return how many there are."""
    return len(conn.execute("select compress_chunk(chunk) from show_chunks('reading') chunk").fetchall())


def loose_rows(conn: Connection) -> int:
    """Return how many readings are not in compressed form."""
    chunks = conn.execute("select chunk::text from show_chunks('reading') chunk").fetchall()
    counts = [conn.execute(f"select count(*) from only {chunk}").fetchone() for (chunk,) in chunks]
    return sum(row[0] for row in counts if row is not None)
