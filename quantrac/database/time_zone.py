"""The network's time zone, as `quantrac stations apply` wrote it into the database."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:  # commands import this module before they know that they need a driver
    from quantrac.database.pool import Connection


def time_zone(conn: Connection) -> ZoneInfo:
    """Return the zone in which people of this network write and read times, and in which its days begin."""
    row = conn.execute("select time_zone from network").fetchone()
    assert row is not None, "the migrations make the one row"
    return ZoneInfo(row[0])
