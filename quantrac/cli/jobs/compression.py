"""Compressing old readings: only where TimescaleDB is the Community edition and `db tune` has switched it on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import psycopg

from quantrac.database.pool import Connection, one_line
from quantrac.observe import logs

UNCOMPRESSED: Final = timedelta(days=60)
"""Younger readings stay as they came: what a station's spool keeps, and may send again, goes in at full speed."""

WEEKS = """
select range_start from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' and range_end <= %s
  and (not is_compressed or pg_relation_size(format('%%I.%%I', chunk_schema, chunk_name)::regclass) > 0)
order by range_start
"""
ENABLED = """
select compression_enabled from timescaledb_information.hypertables
where hypertable_schema = 'public' and hypertable_name = 'reading'
"""
COMPRESS = "select compress_readings(%s)"
IN_USE: Final = (
    psycopg.errors.LockNotAvailable,
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,  # late readings came while those before them were taken in
)

log = logs.logger(__name__)


def compress_old(conn: Connection, now: datetime) -> str:
    """Compress each week of readings older than 60 days that is not, or that got late ones; says what it did.

    Each week is a transaction of its own. One that others use at that moment is left for the next night.
    """
    if conn.execute(ENABLED).fetchone() != (True,):
        return "off: see quantrac db tune"
    weeks = [week for (week,) in conn.execute(WEEKS, [now - UNCOMPRESSED])]
    outcomes = [_compress(conn, week) for week in weeks]
    busy = outcomes.count(None)
    return f"{outcomes.count(True)} weeks compressed" + (f", {busy} in use and left for tomorrow" if busy else "")


def _compress(conn: Connection, week: datetime) -> bool | None:
    """Return whether there was something to compress; None where the week was in use."""
    try:
        return conn.execute(COMPRESS, [week]).fetchone() != (None,)
    except IN_USE as error:
        log.warning("week not compressed: it is in use", week=week, error=one_line(error))
        return None
