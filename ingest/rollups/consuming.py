"""One round of the consumer `rollups`: changes in, hours, days and position out, in one transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from ingest.rollups.buckets import affordable, hours
from ingest.rollups.refreshing import cut_anew, rebuild, refresh
from quantrac.database.feed import Cause, Change, Consumer
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.local_time import Calendar

NAME: Final = "rollups"
CAUSES: Final = (Cause.READING, Cause.FLAG, Cause.CORRECTION)
CHANNEL_TIME_A_ROUND: Final = timedelta(days=10_000)
"""How much time of channels is made in one transaction: 100 channels of one-minute readings over 100 days."""


def round_of(conn: Connection, feed: Consumer, most: int) -> list[Change]:
    """Make anew what changed, move the position; return the changes taken (none: nothing to do)."""
    changes = affordable(feed.take(most), CHANNEL_TIME_A_ROUND)
    if changes:
        with conn.transaction():
            calendar = Calendar(time_zone(conn))
            refresh(conn, hours(changes, calendar), calendar)
            feed.advance(changes[-1].id)
    return changes


def make_everything(conn: Connection) -> None:
    """Make all hours and days: what a consumer does that the feed does not know, or not since the time zone changed."""
    cut_anew(conn)
    for _ in rebuild(conn):
        pass
