"""Calibrations of devices: when each was last calibrated and when the next one is due (`every` in its station file)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from quantrac.database.pool import Connection

QUERY: Final = "select station, device, every_s, last_at, due_at from v_calibration order by due_at, station, device"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A device that is to be calibrated again and again."""

    station: str
    device: str
    every_s: float
    last_at: datetime | None
    """The last on record: an order of `--cal`, or the instrument's own word."""
    due_at: datetime | None
    """Without one on record the interval counts from the station's first event; None: it never sent one."""


def calibrations(conn: Connection) -> list[Calibration]:
    """Return all devices with an interval, those due first."""
    with conn.cursor(row_factory=class_row(Calibration)) as cursor:
        return cursor.execute(QUERY).fetchall()
