"""The figures of a month's and a year's report: each channel's means and curve, completeness, limits, alarms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from math import fsum
from typing import Any, Final, NamedTuple

from quantrac.telemetry.parameters import CATALOGUE, HOUSEKEEPING
from quantrac.telemetry.words import Words
from reports.bulletins.daily_values import DayValue, by_measure, of_period
from reports.bulletins.water import BulletinPlace
from reports.completeness.days import ChannelPeriod, share_of
from reports.limits.report import ChannelExceedance

Figures = dict[str, Any]
DRAWN: Final = ("salinity", "do", "ph", "water_temp", "pm2_5", "pm10")
"""Of these a station's report has curves."""
MOST_CURVES: Final = 4
SEVERITIES: Final = ("critical", "high", "medium", "low")


class AlarmCount(NamedTuple):
    """Alarms of a station that rose in the time, of one severity."""

    station: str
    severity: str
    alarms: int


def measured(parameters: Iterable[str]) -> list[str]:
    """Return the parameters of a report in the order of the catalogue: no housekeeping, no index."""
    found, left = set(parameters), {*(one.id for one in HOUSEKEEPING), "vn_aqi", "vn_wqi", "wind_dir"}
    return [name for name in CATALOGUE if name in found and name not in left]


def station_figures(places: Sequence[BulletinPlace], values: Iterable[DayValue], days: Sequence[date]) -> list[Figures]:
    """Return each station's rows (a parameter each) and curves."""
    found = by_measure(values)
    return [
        _station(place, {name: own for (at, name), own in found.items() if at == place.station}, days)
        for place in places
    ]


def _station(place: BulletinPlace, own: Mapping[str, Sequence[DayValue]], days: Sequence[date]) -> Figures:
    rows = []
    for name in measured(own):
        parameter, one = CATALOGUE[name], of_period(own[name], days)
        rows.append({
            "title": {"vi": parameter.title_vi, "en": parameter.title_en}, "unit": parameter.label,
            "decimals": parameter.decimals, "mean": one.mean, "low": one.low, "high": one.high, "days": one.days,
            "lacking": [f"{day}" for day in one.lacking], "unreviewed": one.unreviewed,
        })  # fmt: skip
    drawn = [name for name in DRAWN if name in own][:MOST_CURVES]
    curves = [_curve(name, own[name], days) for name in drawn]
    return {
        "station": place.station, "name": {"vi": place.name.vi, "en": place.name.en}, "rows": rows, "curves": curves,
        "unreviewed": sum(row["unreviewed"] for row in rows),
    }  # fmt: skip


def _curve(name: str, own: Sequence[DayValue], days: Sequence[date]) -> Figures:
    parameter, known = CATALOGUE[name], {one.day: one.value for one in own if one.valid}
    return {
        "title": {"vi": parameter.title_vi, "en": parameter.title_en}, "unit": parameter.label,
        "decimals": parameter.decimals, "low": None, "high": None,
        "points": [[f"{day}", known.get(day)] for day in days],
    }  # fmt: skip


def months_of(places: Sequence[BulletinPlace], values: Iterable[DayValue], days: Sequence[date]) -> list[Figures]:
    """Return, for each station and parameter, the mean of each month of a year; None where it has no valid day."""
    months = sorted({day.replace(day=1) for day in days})
    tables = []
    for (station, name), own in sorted(by_measure(values).items()):
        place = next((one for one in places if one.station == station), None)
        if place is None or name not in measured([name]):
            continue
        by_month: dict[date, list[float]] = defaultdict(list)
        for one in own:
            if one.valid and one.value is not None:
                by_month[one.day.replace(day=1)].append(one.value)
        means = [fsum(by_month[month]) / len(by_month[month]) if by_month[month] else None for month in months]
        parameter = CATALOGUE[name]
        tables.append({
            "name": {"vi": place.name.vi, "en": place.name.en}, "unit": parameter.label, "decimals": parameter.decimals,
            "title": {"vi": parameter.title_vi, "en": parameter.title_en}, "means": means,
        })  # fmt: skip
    return tables


def completeness_figures(places: Sequence[BulletinPlace], found: Iterable[ChannelPeriod]) -> list[Figures]:
    """Return both shares of each station, of all its channels together."""
    sums: dict[str, list[int]] = {}
    for one in found:
        own = sums.setdefault(one.station, [0, 0, 0])
        for at, count in enumerate((one.expected, one.received, one.counted)):
            own[at] += count
    return [
        {
            "name": {"vi": place.name.vi, "en": place.name.en}, "expected": sums[place.station][0],
            "heard": sums[place.station][1] > 0,
            "received": _printed(share_of(sums[place.station][1], sums[place.station][0])),
            "valid": _printed(share_of(sums[place.station][2], sums[place.station][0])),
        }
        for place in places if place.station in sums
    ]  # fmt: skip


def _printed(share: float | None) -> float | None:
    """Return a share rounded down to tenths of a percent, as it is printed: 100.0 says that nothing lacks."""
    return None if share is None else int(share * 1000 + 1e-6) / 1000


def limit_figures(places: Sequence[BulletinPlace], found: Iterable[ChannelExceedance]) -> list[Figures]:
    """Return what was exceeded, and how often."""
    names = {place.station: place.name for place in places}
    return [
        {
            "name": _both(names.get(one.station, Words(one.station, one.station))),
            "title": {"vi": parameter.title_vi, "en": parameter.title_en}, "unit": parameter.label,
            "decimals": parameter.decimals, "decree": one.found.limit.decree, "case": _both(one.found.limit.title),
            "low": one.found.limit.low, "high": one.found.limit.high, "confirmed": one.found.limit.confirmed,
            "judged": one.found.values, "exceeded": one.found.exceeded, "worst": one.found.worst,
        }
        for one in found if one.found.values for parameter in [CATALOGUE[one.found.limit.parameter]]
    ]  # fmt: skip


def alarm_figures(places: Sequence[BulletinPlace], counts: Iterable[AlarmCount]) -> list[Figures]:
    """Return how many alarms of each severity each station had."""
    found = {(one.station, one.severity): one.alarms for one in counts}
    return [
        {"name": _both(place.name), "counts": [found.get((place.station, word), 0) for word in SEVERITIES]}
        for place in places
    ]


def _both(words: Words) -> dict[str, str]:
    return {"vi": words.vi, "en": words.en}
