"""Which values a change of their inputs touches. Pure: spans with both their ends, labels of hours and days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from ingest.spans import Span
from quantrac.telemetry.indices.formulas import Basis, Formula
from quantrac.telemetry.slots import bucket_end, bucket_start, local_day

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
STRETCH: Final = timedelta(days=7)
"""So much is made at once: it bounds what is held in memory."""


def stretches(spans: Iterable[Span]) -> list[list[Span]]:
    """Cut spans at multiples of a week and return those of one week together, oldest first."""
    by_week: defaultdict[datetime, list[Span]] = defaultdict(list)
    for each in spans:
        low = each.low
        while low <= each.high:
            week = bucket_start(low, STRETCH)
            by_week[week].append(Span(each.channel_id, low, min(each.high, week + STRETCH)))
            low = week + STRETCH + timedelta(microseconds=1)
    return [by_week[week] for week in sorted(by_week)]


def runs(channel_id: int, times: Iterable[datetime], gap: timedelta) -> list[Span]:
    """Return ascending times as spans without a gap of more than `gap`."""
    found: list[Span] = []
    for time in times:
        if found and time - found[-1].high <= gap:
            found[-1] = found[-1]._replace(high=time)
        else:
            found.append(Span(channel_id, time, time))
    return found


def labels(formula: Formula, span: Span, before: datetime | None, newest: datetime) -> set[datetime]:
    """Return the times of the values that a change of one input touches, for formulas that look at hours.

    Args:
        formula: what is made; its basis is not `moment`.
        span: what changed.
        before: the input's last reading before the change: the hour it is in was not over, and could not be made.
        newest: no value is made for an hour or day whose end the inputs have not reached.
    """
    ends = [(span.low, span.high)] if before is None else [(before, before), (span.low, span.high)]
    if formula.basis is Basis.DAY:
        return {
            label
            for low, high in ends
            for label in _steps(local_day(low) + DAY, min(local_day(high) + DAY, newest), DAY)
        }
    reach = (formula.hours - 1) * HOUR
    return {
        label
        for low, high in ends
        for label in _steps(bucket_end(low, HOUR), min(bucket_end(high, HOUR) + reach, newest), HOUR)
    }


def _steps(first: datetime, last: datetime, width: timedelta) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += width
