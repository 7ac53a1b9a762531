"""The figures of the water bulletins: stations against the limits of water for ponds, and plain advice.

The form is that of the weekly notice of Sóc Trăng (Thông báo kết quả quan trắc môi trường): its columns, its row of
limits, and the salinity beside that of the same week a year before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from quantrac.config.limits import DecreeLimit
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.words import Words
from reports.bulletins.daily_values import DayValue, PeriodValue, by_measure, of_period

COLUMNS: Final = ("water_temp", "salinity", "ph", "alkalinity", "transparency", "do", "nh3")
JUDGED_ALWAYS: Final = ("salinity", "do", "ph")
"""Without values and limits of these nobody says that water may be taken in."""
COMPARED: Final = "salinity"
ENOUGH_DAYS: Final = 0.75
"""Of the days, as of the readings of a day: of a week six. With fewer nobody says that water may be taken in."""
Figures = dict[str, Any]


class BulletinPlace(NamedTuple):
    """A station, as a bulletin names it."""

    station: str
    name: Words
    measures: frozenset[str] = frozenset()
    """Parameters that it has channels of, also where no reading came."""


def columns(limits: Iterable[DecreeLimit], first: date) -> list[Figures]:
    """Return the columns of the table with the limits that hold on a day."""
    held = {limit.parameter: limit for limit in limits if limit.holds_on(first)}
    return [_column(name, held.get(name)) for name in COLUMNS if name in CATALOGUE]


def _column(name: str, limit: DecreeLimit | None) -> Figures:
    parameter = CATALOGUE[name]
    bounds = (None, None) if limit is None else (limit.low, limit.high)
    return {
        "parameter": name, "title": {"vi": parameter.title_vi, "en": parameter.title_en}, "unit": parameter.label,
        "decimals": parameter.decimals, "low": bounds[0], "high": bounds[1],
        "decree": None if limit is None else limit.decree, "confirmed": limit is None or limit.confirmed,
    }  # fmt: skip


def water_figures(
    places: Sequence[BulletinPlace],
    limits: Iterable[DecreeLimit],
    values: Iterable[DayValue],
    before: Iterable[DayValue],
    days: Sequence[date],
    days_before: Sequence[date],
) -> Figures:
    """Return the figures of some days: `columns`, `rows` (one a station), and which of the columns nobody measures.

    Args:
        places: the stations, in the order of the table.
        limits: of water for ponds.
        values: of these days.
        before: of the days to compare with, a year ago.
        days: what the bulletin is about.
        days_before: what it compares with.
    """
    table, now, then = columns(limits, days[0]), by_measure(values), by_measure(before)
    rows: list[Figures] = []
    for number, place in enumerate(places, start=1):
        cells = [_cell(place, now.get((place.station, one["parameter"])), one, days) for one in table]
        reasons = [
            {"column": at, "side": cell["side"], "value": cell["mean"], "limit": cell["limit"]}
            for at, cell in enumerate(cells) if cell["side"]
        ]  # fmt: skip
        lacks = [
            one
            for one, cell in zip(table, cells, strict=True)
            if _is_needed(one, cell) and (cell["days"] < ENOUGH_DAYS * len(days) or not _has_limit(one))
        ]
        compared = of_period(then.get((place.station, COMPARED), ()), days_before).mean
        present = next(
            (cell["mean"] for cell, one in zip(cells, table, strict=True) if one["parameter"] == COMPARED), None
        )
        rows.append({
            "number": number, "station": place.station, "name": {"vi": place.name.vi, "en": place.name.en},
            "cells": cells, "reasons": reasons, "verdict": "wait" if reasons else "unknown" if lacks else "take",
            "unknown": [one["title"] for one in lacks], "year_before": compared,
            "difference": None if compared is None or present is None else present - compared,
            "lacking": _lacking(table, cells),
        })  # fmt: skip
    unmeasured = [one["title"] for at, one in enumerate(table) if not any(row["cells"][at]["measured"] for row in rows)]
    return {"columns": table, "rows": rows, "unmeasured": unmeasured, "unreviewed": _unreviewed(rows)}


def _is_needed(column: Mapping[str, Any], cell: Mapping[str, Any]) -> bool:
    """Whether nobody says "take" without enough days of it: also where a probe that has a limit is dead."""
    return column["parameter"] in JUDGED_ALWAYS or (cell["measured"] and _has_limit(column))


def _has_limit(column: Mapping[str, Any]) -> bool:
    return column["low"] is not None or column["high"] is not None


def _cell(
    place: BulletinPlace, values: Sequence[DayValue] | None, column: Mapping[str, Any], days: Sequence[date]
) -> Figures:
    found: PeriodValue = of_period(values or (), days)
    is_measured = values is not None or column["parameter"] in place.measures
    side, limit = "", None
    if found.mean is not None and column["low"] is not None and found.mean < column["low"]:
        side, limit = "below", column["low"]
    elif found.mean is not None and column["high"] is not None and found.mean > column["high"]:
        side, limit = "above", column["high"]
    return {
        "measured": is_measured, "mean": found.mean, "low": found.low, "high": found.high, "days": found.days,
        "lacking": [f"{day}" for day in found.lacking] if is_measured else [], "unreviewed": found.unreviewed,
        "side": side, "limit": limit,
    }  # fmt: skip


def _lacking(table: Sequence[Mapping[str, Any]], cells: Sequence[Mapping[str, Any]]) -> list[Figures]:
    """Return what is measured and lacks on some days, each with these."""
    found = zip(table, cells, strict=True)
    return [{"what": column["title"], "days": cell["lacking"]} for column, cell in found if cell["lacking"]]


def _unreviewed(rows: Iterable[Mapping[str, Any]]) -> int:
    return sum(cell["unreviewed"] for row in rows for cell in row["cells"])
