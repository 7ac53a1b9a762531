"""Draws the channel of an alarm around its rise: curve, limit, moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from dashboards.console.curve import curve
from dashboards.console.series import read_series
from dashboards.console.texts import Language
from quantrac.database.pool import Connection
from quantrac.telemetry.parameters import CATALOGUE

AROUND: Final = timedelta(hours=3)
LONGEST: Final = timedelta(days=31)


class Drawn(NamedTuple):
    """The drawing of an alarm's course."""

    channel: str | None
    """None: there is nothing to draw."""
    parameter: str | None
    raised_at: datetime
    cleared_at: datetime | None
    limit: float | None
    title: str
    station: str | None
    """Its name."""


def stretch(raised_at: datetime, cleared_at: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when an alarm is shown: three hours on either side, 31 days at most. Pure."""
    since = raised_at - AROUND
    until = min(now, max(raised_at, cleared_at or raised_at) + AROUND)
    return since, until if timedelta(0) < until - since <= LONGEST else since + LONGEST


def drawing(conn: Connection, alarm: Drawn, zone: ZoneInfo, language: Language, now: datetime) -> str | None:
    """Return the drawing as markup; None where there is nothing to draw."""
    if alarm.channel is None:
        return None
    series = read_series(conn, alarm.channel, *stretch(alarm.raised_at, alarm.cleared_at, now))
    if series is None:
        return None
    known = CATALOGUE.get(alarm.parameter or "")
    resolution = known.resolution if known else 2
    shown = f"{alarm.title}, {alarm.station}"
    return curve(series, alarm.limit, alarm.raised_at, zone, resolution, shown, language)
