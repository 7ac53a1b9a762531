"""Putting old hourly values in order of their key, so that a year of one channel is read from few pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import psycopg

from quantrac.database.pool import Connection, one_line
from quantrac.observe import logs

SETTLED: Final = timedelta(days=7)
"""So long after its end a chunk is left alone: late data still come for it."""
CHUNKS: Final = """
select range_start from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'hourly' and range_end <= %s order by range_start
"""
ORDER: Final = "select order_hourly(%s)"

log = logs.logger(__name__)


def order_old_hours(conn: Connection, now: datetime) -> str:
    """Order each chunk of hourly values that ended over 7 days ago and is not; returns one line on what it did.

    Each chunk is a transaction of its own. One that others use at that moment is left for the next night.
    """
    outcomes = [_order(conn, start) for (start,) in conn.execute(CHUNKS, [now - SETTLED]).fetchall()]
    busy = outcomes.count(None)
    return f"{outcomes.count(True)} chunks ordered" + (f", {busy} in use and left for tomorrow" if busy else "")


def _order(conn: Connection, start: datetime) -> bool | None:
    """Return whether there was something to order; None where the chunk was in use."""
    try:
        return conn.execute(ORDER, [start]).fetchone() != (None,)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
        log.warning("hours not ordered: they are in use", start=start, error=one_line(error))
        return None
