"""Nightly upkeep of old chunks: readings are compressed, hourly values are put in the order of their key.

Each chunk is a transaction of its own. One that others use at that moment is left for the next night.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final, LiteralString

import psycopg

from quantrac.database.pool import Connection, one_line
from quantrac.observe import logs

UNCOMPRESSED: Final = timedelta(days=60)
"""Younger readings stay as they came: what a station's spool keeps, and may send again, goes in at full speed."""
SETTLED: Final = timedelta(days=7)
"""Hourly values are left alone so long after the end of their chunk: late data still come for it."""

ENABLED: Final = """
select compression_enabled from timescaledb_information.hypertables
where hypertable_schema = 'public' and hypertable_name = 'reading'
"""
WEEKS: Final = """
select range_start from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' and range_end <= %s
  and (not is_compressed or pg_relation_size(format('%%I.%%I', chunk_schema, chunk_name)::regclass) > 0)
order by range_start
"""
HOURS: Final = """
select range_start from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'hourly' and range_end <= %s order by range_start
"""
IN_USE: Final = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,  # late readings came while those before them were taken in
)

log = logs.logger(__name__)


def compress_old(conn: Connection, now: datetime) -> str:
    """Compress each week of readings older than 60 days that is not, or that got late ones; returns what was done.

    Only where TimescaleDB is the Community edition and `db tune` has switched compression on.
    """
    if conn.execute(ENABLED).fetchone() != (True,):
        return "off: see quantrac db tune"
    return _each(conn, WEEKS, now - UNCOMPRESSED, "select compress_readings(%s)", "weeks compressed")


def order_old_hours(conn: Connection, now: datetime) -> str:
    """Order each chunk of hourly values that ended over 7 days ago and is not ordered; returns what was done.

    A year of one channel is then read from few pages.
    """
    return _each(conn, HOURS, now - SETTLED, "select order_hourly(%s)", "chunks ordered")


def _each(conn: Connection, chunks: LiteralString, before: datetime, work: LiteralString, done: str) -> str:
    outcomes = Counter(_one(conn, work, start) for (start,) in conn.execute(chunks, [before]).fetchall())
    busy = f", {outcomes[None]} in use and left for tomorrow" if outcomes[None] else ""
    return f"{outcomes[True]} {done}{busy}"


def _one(conn: Connection, work: LiteralString, start: datetime) -> bool | None:
    """Return whether there was something to do; None where the chunk was in use."""
    try:
        return conn.execute(work, [start]).fetchone() != (None,)
    except IN_USE as error:
        log.warning("chunk_left_in_use", work=work, start=start, error=one_line(error))
        return None
