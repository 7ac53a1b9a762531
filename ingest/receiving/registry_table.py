"""Reads the registry from the database."""

from __future__ import annotations

from typing import Any

from ingest.receiving.quotas import QuotasInForce
from ingest.receiving.registry import Registry
from quantrac.database.pool import Connection

STATIONS = "select station, (extract(epoch from in_service) * 1000)::int8 from station"
CHANNELS = """
select channel_id, station, name, span_low, span_high, plausible_low, plausible_high, expect_low, expect_high
from channel where not derived order by channel_id
"""
RATES = "select station, sum(1 / interval_s) from channel where active and not derived group by station"
EPOCHS = """
select station, epoch from ledger l where epoch <> ''
  and not exists (select from import i where i.station = l.station and i.epoch = l.epoch)
"""
QUOTAS = "select quotas from network"
CONFIGURED = "select coalesce(max(id), 0) from change where cause = 'configuration'"
CONFIGURED_SINCE = "select max(id) from change where id > %s and cause = 'configuration'"


def load(conn: Connection) -> Registry:
    """Read stations and channels as they stand now, in a transaction of its own."""
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read")
        rates: dict[str, float] = dict(conn.execute(RATES).fetchall())
        epochs = conn.execute(EPOCHS).fetchall()
        row = conn.execute(QUOTAS).fetchone()
        return _load(conn, rates=rates, epochs=epochs, quotas=QuotasInForce(**(row[0] if row else {})))


def load_in(conn: Connection) -> Registry:
    """Read stations and channels in the caller's transaction, without quotas: for what a person vouches for."""
    return _load(conn)


def _load(conn: Connection, **more: Any) -> Registry:
    newest = conn.execute(CONFIGURED).fetchone()
    stations, channels = conn.execute(STATIONS).fetchall(), conn.execute(CHANNELS).fetchall()
    return Registry.of([(name, ms) for name, ms in stations], channels, newest[0] if newest else 0, **more)


def is_outdated(conn: Connection, registry: Registry) -> bool:
    """Ask whether the configuration has changed since the registry was loaded."""
    newest = conn.execute(CONFIGURED_SINCE, [registry.configured]).fetchone()
    return newest is not None and newest[0] is not None
