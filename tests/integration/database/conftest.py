"""A small network and its words, for tests on a real TimescaleDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from quantrac.database.pool import Connection, connect
from quantrac.telemetry.states import State
from tests.fixtures import stations

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)


@dataclass
class World:
    """One station with channel `do` (60 s), and short ways to fill its tables."""

    conn: Connection
    channel_id: int

    def one(self, query: str, *parameters: Any) -> Any:
        row = self.conn.execute(query, parameters).fetchone()
        assert row is not None
        return row[0] if len(row) == 1 else row

    def reading(
        self, time: datetime = NOON, value: float | None = 5.0, state: State = State.OK, tests: int = 0,
        received: datetime | None = None,
    ) -> None:  # fmt: skip
        row = [self.channel_id, time, value, int(state), tests, received or time + timedelta(seconds=1)]
        self.conn.execute("insert into reading values (%s, %s, %s, %s, %s, %s)", row)
        self.conn.execute(
            """insert into latest values (%s, %s, %s, %s, %s, %s) on conflict (channel_id) do update
               set time = excluded.time, value = excluded.value, state = excluded.state, tests = excluded.tests,
                   received_at = excluded.received_at where excluded.time > latest.time""",
            row,
        )

    def flag(self, flag: int, test: str | None = "spike", by: str = "quality", time: datetime = NOON) -> None:
        self.conn.execute(
            'insert into reading_flag (channel_id, time, test, flag, "by", at) values (%s, %s, %s, %s, %s, now())',
            [self.channel_id, time, test, flag, by],
        )


def add_channel(conn: Connection, name: str = "do", history_tests: list[str] | None = None) -> int:
    """Add a channel of station st-test and return its number."""
    tests = history_tests or []
    return stations.add_channel(conn, "st-test", name, parameter="do", unit="mg/L", history_tests=tests)


@pytest.fixture
def world(conn: Connection) -> World:
    stations.add_station(conn, "st-test")
    return World(conn, add_channel(conn))


@pytest.fixture
def reader(database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection with the rights of quantrac_reader and no more."""
    with connect(database, "test reader") as connection:
        connection.execute("set role quantrac_reader")
        yield connection
