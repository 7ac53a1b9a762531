"""Readings that a test gives a station, stored and told to the feed as ingest does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import psycopg

from quantrac.database.feed import NewChange, append_changes


class Given(NamedTuple):
    """A reading of a channel of the station, minutes after the start."""

    name: str
    minute: float
    value: float | None
    state: int = 0
    tests: int = 0


def numbers(conn: psycopg.Connection, station: str) -> dict[str, int]:
    """Return the number of each channel of a station."""
    return dict(conn.execute("select name, channel_id from channel where station = %s", [station]).fetchall())


def store_given(
    conn: psycopg.Connection,
    station: str,
    start: datetime,
    readings: Sequence[Given],
    received: Callable[[Given], datetime],
) -> None:
    """Store readings and tell the feed: a row of it a channel and hour from the start."""
    known = numbers(conn, station)

    def at(minute: float) -> datetime:
        return start + timedelta(minutes=minute)

    with conn.transaction():
        conn.cursor().executemany(
            "insert into reading values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            [(known[one.name], at(one.minute), one.value, one.state, one.tests, received(one)) for one in readings],
        )
        spans: dict[tuple[str, int], list[float]] = {}
        for one in readings:
            spans.setdefault((one.name, int(one.minute // 60)), []).append(one.minute)
        append_changes(
            conn,
            [
                NewChange(station, known[name], at(min(minutes)), at(max(minutes)), len(minutes), "reading")
                for (name, _), minutes in spans.items()
            ],
        )
