"""When each device with an interval (`every` in its station file) was calibrated last, and when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.rows import class_row

from quantrac.database.pool import Connection

QUERY: Final = """
select s.station, d.key as device, (d.value #>> '{calibration,every_ms}')::float8 / 1000 as every_s, seen.last_at,
       coalesce(seen.last_at, seen.known_since)
         + make_interval(secs => (d.value #>> '{calibration,every_ms}')::float8 / 1000) as due_at
from station s
cross join lateral jsonb_each(s.config -> 'devices') d
cross join lateral (
  select max(e.time) filter (where e.kind = 'calibration' and coalesce(e.device, d.key) = d.key) as last_at,
         min(e.time) as known_since
  from v_event e where e.station = s.station
) seen
where s.active and d.value #>> '{calibration,every_ms}' is not null
order by due_at, s.station, d.key
"""


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
