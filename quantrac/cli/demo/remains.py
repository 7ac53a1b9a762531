"""What a run left behind beside the books, read from the public views: readings, alarms, messages to people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import psycopg

COUNTS: Final = """
select (select count(*) from v_station), (select count(*) from v_channel where not derived),
       (select count(*) from v_reading),
       (select count(*) from v_alarm where not late),
       (select count(*) from v_alarm where not late and cleared_at is not null)
"""
NOTIFICATIONS: Final = "select medium, status, count(*) from v_notification group by medium, status"
ALARMS: Final = """
select rule, channel, raised_at, cleared_at from v_alarm where not late order by raised_at, rule, channel
"""


class Counts(NamedTuple):
    """What the centre holds."""

    stations: int
    channels: int
    readings: int
    raised: int
    cleared: int


def read_counts(conn: psycopg.Connection[Any]) -> Counts:
    """Return what the centre holds."""
    row = conn.execute(COUNTS).fetchone()
    assert row is not None
    return Counts(*row)


def has_reading_since(conn: psycopg.Connection[Any], time: datetime) -> bool:
    """Return whether a reading has been received since a time."""
    row = conn.execute("select exists (select from v_latest where received_at > %s)", [time]).fetchone()
    return bool(row and row[0])


def read_alarms(conn: psycopg.Connection[Any]) -> list[dict[str, str | None]]:
    """Return each alarm with the reading times at which it rose and cleared, ISO 8601 in UTC."""
    rows = conn.execute(ALARMS).fetchall()
    return [
        {"rule": rule, "channel": channel, "raised_at": _iso(raised), "cleared_at": _iso(cleared)}
        for rule, channel, raised, cleared in rows
    ]


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()


def read_notifications(conn: psycopg.Connection[Any]) -> dict[tuple[str, str], int]:
    """Return how many messages to people there are by medium and status."""
    return {(medium, status): count for medium, status, count in conn.execute(NOTIFICATIONS)}
