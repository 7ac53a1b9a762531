"""What the overview and the wall ask beside the stream: how channels went in the last hours, and the tides."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse, Response

from dashboards.console.admission import Gate, Visitor
from dashboards.console.context import Console
from quantrac.database.pool import Connection
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING

SPARKLINE_HOURS: Final = timedelta(hours=3)
SPARKLINE_STEP: Final = timedelta(minutes=5)
"""A small line is some hundred pixels wide: 36 values of five minutes."""
TRENDS: Final = """
select channel, parameter, kind, (extract(epoch from bucket_end(time, %(step)s)) * 1000)::int8 as t,
       case kind
         when 'vector' then degrees(atan2(avg(sind(value)), avg(cosd(value))))
         when 'last' then last(value, time)
         else sum(value) / count(value) end
from v_reading join (select channel, kind from v_channel) c using (channel)
where station = %(station)s and time > %(since)s and time <= %(now)s and quality <= 2 and value is not null
  and parameter <> all(%(housekeeping)s)
group by channel, parameter, kind, t order by channel, t
"""


def add_overview_data(app: FastAPI, console: Console) -> None:
    """Add the two requests."""

    @app.get("/api/stations/{station}/trends")
    def trends(station: str, by: Visitor = Depends(Gate(console, DeskAct.READ))) -> dict[str, Any]:  # noqa: ARG001
        """How a station's channels went in the last hours."""
        with console.pool.connection() as conn:
            return read_trends(conn, station, console.clock())

    @app.get("/api/tides")
    def tides(by: Visitor = Depends(Gate(console, DeskAct.READ))) -> Response:
        """The predicted tides around now."""
        return JSONResponse(msgspec.to_builtins(console.tides.courses(console.clock(), by.stations)))


def read_trends(conn: Connection, station: str, now: datetime) -> dict[str, Any]:
    """Return what the good readings of each five minutes were, by channel: of rain, too, what a reading had on average.

    `step` in ms; `channels` → [time of the first value in ms, values, null where there is none];
    `directions`: the channels that go round, of which nothing rises or falls.
    """
    step = round(SPARKLINE_STEP / timedelta(milliseconds=1))
    values = {
        "station": station,
        "since": now - SPARKLINE_HOURS,
        "now": now,
        "step": SPARKLINE_STEP,
        "housekeeping": [parameter.id for parameter in HOUSEKEEPING],
    }
    found: dict[str, tuple[int, list[float | None]]] = {}
    directions: list[str] = []
    for channel, parameter, kind, t, value in conn.execute(TRENDS, values):
        if kind == "vector" and channel not in found:
            directions.append(channel)
        start, means = found.setdefault(channel, (t, []))
        means += [None] * ((t - start) // step - len(means))
        means.append(_fine(value % 360 if kind == "vector" else value, parameter, kind))
    return {"step": step, "channels": found, "directions": directions}


def _fine(mean: float, parameter: str, kind: str) -> float:
    """Return a mean as fine as its parameter means something: of rain, which is little in one reading, five digits."""
    known = CATALOGUE.get(parameter)
    return float(f"{mean:.5g}") if known is None or kind == "sum" else round(mean, known.resolution)
