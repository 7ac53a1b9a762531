"""The figures of air: a calendar of VN_AQI by day, and how many days each class had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from quantrac.telemetry.indices.vn_aqi import CLASSES, class_of
from reports.bulletins.daily_values import DayValue
from reports.bulletins.water import BulletinPlace

Figures = dict[str, Any]


def air_figures(
    channels: Mapping[str, BulletinPlace], values: Iterable[DayValue], days: Sequence[date]
) -> list[Figures]:
    """Return the calendar of each channel with the index of days.

    Args:
        channels: with such an index → where it is.
        values: of their days.
        days: what the figures are about.
    """
    found: dict[str, dict[date, DayValue]] = {channel: {} for channel in channels}
    for one in values:
        if one.channel in found and one.valid and one.value is not None:
            found[one.channel][one.day] = one
    return [_station(channels[channel], own, days) for channel, own in found.items()]


def _station(place: BulletinPlace, own: Mapping[date, DayValue], days: Sequence[date]) -> Figures:
    known = {day: one.value for day, one in own.items() if one.value is not None}
    counts = Counter(class_of(value).words.en for value in known.values())
    worst = max(known, key=lambda day: known[day], default=None)
    return {
        "station": place.station, "name": {"vi": place.name.vi, "en": place.name.en},
        "days": [
            {"day": f"{day}", "month": f"{day:%Y-%m}", "value": known.get(day),
             "reviewed": day in own and own[day].reviewed}
            for day in days
        ],
        "classes": [
            {"words": {"vi": one.words.vi, "en": one.words.en}, "advice": {"vi": one.advice.vi, "en": one.advice.en},
             "colour": one.colour, "days": counts[one.words.en]}
            for one in CLASSES
        ],
        "worst": None if worst is None else {
            "day": f"{worst}", "value": known[worst],
            "words": {"vi": class_of(known[worst]).words.vi, "en": class_of(known[worst]).words.en},
            "advice": {"vi": class_of(known[worst]).advice.vi, "en": class_of(known[worst]).advice.en},
        },
        "known": len(known), "lacking": [f"{day}" for day in days if day not in known],
        "unreviewed": sum(not one.reviewed for one in own.values()),
    }  # fmt: skip
