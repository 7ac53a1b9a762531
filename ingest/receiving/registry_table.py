"""Reads the registry from the database."""

from __future__ import annotations

from ingest.receiving.registry import Registry
from quantrac.database.pool import Connection

STATIONS = "select station, (extract(epoch from in_service) * 1000)::int8 from station"
CHANNELS = """
select channel_id, station, name, span_low, span_high, plausible_low, plausible_high, expect_low, expect_high
from channel where not derived order by channel_id
"""
CONFIGURED = "select coalesce(max(id), 0) from change where cause = 'configuration'"
CONFIGURED_SINCE = "select max(id) from change where id > %s and cause = 'configuration'"


def load(conn: Connection) -> Registry:
    """Read stations and channels as they stand now, in a transaction of its own."""
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read")
        return load_in(conn)


def load_in(conn: Connection) -> Registry:
    """Read stations and channels within the caller's transaction."""
    newest = conn.execute(CONFIGURED).fetchone()
    stations, channels = conn.execute(STATIONS).fetchall(), conn.execute(CHANNELS).fetchall()
    return Registry.of([(name, ms) for name, ms in stations], channels, newest[0] if newest else 0)


def is_outdated(conn: Connection, registry: Registry) -> bool:
    """Ask whether the configuration has changed since the registry was loaded."""
    newest = conn.execute(CONFIGURED_SINCE, [registry.configured]).fetchone()
    return newest is not None and newest[0] is not None
