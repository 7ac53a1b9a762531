"""Collects the figures of a bulletin from the database, with what the files say of stations and limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from quantrac.config.bulletins import BulletinKind, BulletinPlan
from quantrac.config.limits import DecreeLimit
from quantrac.config.network import Network
from quantrac.database.pool import Connection, rows_of
from quantrac.telemetry.local_time import INSTANT, Calendar
from reports.bulletins.air import air_figures
from reports.bulletins.daily_values import DayValue, daily_values
from reports.bulletins.overall import (
    AlarmCount,
    alarm_figures,
    completeness_figures,
    limit_figures,
    measured,
    months_of,
    station_figures,
)
from reports.bulletins.periods import BulletinPeriod, year_before
from reports.bulletins.water import COLUMNS, COMPARED, JUDGED_ALWAYS, BulletinPlace, water_figures
from reports.completeness.days import channel_periods
from reports.limits.report import exceedance_report
from reports.spans import ReportSpan

AQI_DAY: Final = "vn-aqi-day"
ALARMS: Final = """
select station, severity, count(*)::int4 from v_alarm
where raised_at > %(low)s and raised_at <= %(high)s and station is not null group by station, severity
"""
Figures = dict[str, Any]


def collect(conn: Connection, network: Network, kind: BulletinKind, period: BulletinPeriod, now: datetime) -> Figures:
    """Return the figures of a bulletin; days that lack are said in them."""
    plan = network.settings.bulletins.get(kind, BulletinPlan(at="daily 00:00"))
    if kind in (BulletinKind.WATER_WEEK, BulletinKind.FARMERS_DAY):
        return _water(conn, network, plan, period, compares=kind is BulletinKind.WATER_WEEK)
    if kind is BulletinKind.AIR_MONTH:
        return {"stations": air_of(conn, network, period)}
    return _overall(conn, network, plan, period, now)


def _water(
    conn: Connection, network: Network, plan: BulletinPlan, period: BulletinPeriod, *, compares: bool
) -> Figures:
    places = [
        BulletinPlace(one.station, one.name, measures)
        for one in network.stations.values()
        if not (measures := frozenset(channel.parameter for channel in one.all_channels())).isdisjoint(JUDGED_ALWAYS)
    ]
    calendar, stations = Calendar(network.zone), [place.station for place in places]
    values = daily_values(conn, calendar, period.first, period.last, stations, COLUMNS)
    earlier, before = year_before(period), list[DayValue]()
    if compares:
        before = daily_values(conn, calendar, earlier.first, earlier.last, stations, [COMPARED])
    limits = limits_of(network, plan.limits[:1])
    return water_figures(places, limits, values, before, period.days, earlier.days)


def limits_of(network: Network, named: Sequence[str]) -> list[DecreeLimit]:
    """Return the limits of cases such as `qcvn-02-19-2014/pond`, with all their versions. Pure."""
    cases = {tuple(name.split("/")) for name in named}
    return [
        limit
        for full, versions in network.limits.items()
        if (full.split("/")[0], full.split("/")[2]) in cases
        for limit in versions
    ]


def air_of(
    conn: Connection, network: Network, period: BulletinPeriod, stations: frozenset[str] | None = None
) -> list[Figures]:
    """Return the calendars of VN_AQI of a period, one a channel with the index of days; `stations` None: all."""
    channels = {
        f"{one.station}/{channel.name}": BulletinPlace(one.station, one.name)
        for one in network.stations.values() if stations is None or one.station in stations
        for channel in one.all_channels() if channel.signal == AQI_DAY
    }  # fmt: skip
    places = sorted({place.station for place in channels.values()})
    values = daily_values(conn, Calendar(network.zone), period.first, period.last, places, ["vn_aqi"])
    return air_figures(channels, values, period.days)


def _overall(conn: Connection, network: Network, plan: BulletinPlan, period: BulletinPeriod, now: datetime) -> Figures:
    places = [BulletinPlace(one.station, one.name) for one in network.stations.values()]
    calendar, stations = Calendar(network.zone), [place.station for place in places]
    names = measured(channel.parameter for one in network.stations.values() for channel in one.all_channels())
    values = daily_values(conn, calendar, period.first, period.last, stations, names)
    span = {
        "low": calendar.midnight(period.first), "high": calendar.day_end(calendar.midnight(period.last) + INSTANT),
    }  # fmt: skip
    shares = channel_periods(conn, period.first, period.last, now, lambda _: period.first)
    cases = {tuple(name.split("/")) for name in plan.limits}
    exceeded = [
        row
        for decree in sorted({decree for decree, _ in cases})
        for row in exceedance_report(conn, network, decree, ReportSpan.of(period.name), now)
        if (decree, row.found.limit.case) in cases
    ]
    counts = rows_of(conn, AlarmCount, ALARMS, span)
    is_year = len(period.days) > 31
    return {
        "stations": station_figures(places, values, period.days),
        "months": months_of(places, values, period.days) if is_year else [],
        "completeness": completeness_figures(places, shares), "limits": limit_figures(places, exceeded),
        "alarms": alarm_figures(places, counts), "air": air_of(conn, network, period),
    }  # fmt: skip
