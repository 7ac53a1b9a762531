"""Exceedances: the values of a series that a decree limit does not allow, each by the figure of its own day. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import fsum

from quantrac.config.limits import DecreeLimit
from quantrac.telemetry.local_time import INSTANT, Calendar


@dataclass(frozen=True, slots=True)
class Exceedance:
    """A limit and a series: how many of the values that it speaks of were not allowed."""

    limit: DecreeLimit
    values: int
    """Values of days on which the limit was in force."""
    exceeded: int
    worst: float | None = None
    """The value farthest beyond the limit; None: all were allowed."""
    worst_at: datetime | None = None


def exceedances(
    versions: Sequence[DecreeLimit], series: Iterable[tuple[datetime, float]], calendar: Calendar
) -> list[Exceedance]:
    """Return how each version of a limit fared; one of which no value speaks is left out.

    Args:
        versions: of one limit, for periods that do not overlap.
        series: end of the time that a value covers, UTC, and the value.
        calendar: whose days those of the versions are.
    """
    found: dict[int, list[tuple[datetime, float]]] = {}
    for at, value in series:
        day = (at - INSTANT).astimezone(calendar.zone).date()
        number = next((n for n, limit in enumerate(versions) if limit.holds_on(day)), None)
        if number is not None:
            found.setdefault(number, []).append((at, value))
    return [_exceedance(versions[number], found[number]) for number in sorted(found)]


def mean_of_year(
    series: Iterable[tuple[datetime, float]], end: datetime, expected: int, share: float
) -> list[tuple[datetime, float]]:
    """Return the mean of hourly values as the one value of a year that ends then; nothing with less than the share."""
    values = [value for _, value in series]
    return [(end, fsum(values) / len(values))] if values and len(values) >= share * expected else []


def _exceedance(limit: DecreeLimit, series: Sequence[tuple[datetime, float]]) -> Exceedance:
    beyond = [(_excess(limit, value), -at.timestamp(), at, value) for at, value in series if limit.is_exceeded(value)]
    if not beyond:
        return Exceedance(limit, len(series), 0)
    _, _, at, value = max(beyond)
    return Exceedance(limit, len(series), len(beyond), value, at)


def _excess(limit: DecreeLimit, value: float) -> float:
    """Return how far a value lies beyond the limit, in its unit."""
    below = 0.0 if limit.low is None else limit.low - value
    above = 0.0 if limit.high is None else value - limit.high
    return max(below, above)
