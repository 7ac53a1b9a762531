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
    row = conn.execute(
        """insert into channel (station, name, parameter, unit, kind, interval_s, history_tests)
           values ('st-test', %s, 'do', 'mg/L', 'mean', 60, %s) returning channel_id""",
        [name, history_tests or []],
    ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def world(conn: Connection) -> World:
    conn.execute(
        """insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)
           values ('st-test', 'Trạm thử', 'Test', '2019-06-01', '{}', 'abc', now())"""
    )
    return World(conn, add_channel(conn))


@pytest.fixture
def reader(database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection with the rights of quantrac_reader and no more."""
    with connect(database, "test reader") as connection:
        connection.execute("set role quantrac_reader")
        yield connection
