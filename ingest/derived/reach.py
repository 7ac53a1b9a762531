"""The values that a change of their inputs touches: spans, and labels of hours and days. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from ingest.spans import Span
from quantrac.telemetry.indices.formulas import Basis, Formula
from quantrac.telemetry.local_time import HOUR, INSTANT, Calendar
from quantrac.telemetry.slots import bucket_start

STRETCH: Final = timedelta(days=7)
"""So much is made at once: it bounds what is held in memory."""


def stretches(spans: Iterable[Span]) -> list[list[Span]]:
    """Cut spans at multiples of a week and return those of one week together, oldest first."""
    every = list(spans)
    if not every:
        return []
    if max(each.high for each in every) <= bucket_start(min(each.low for each in every), STRETCH) + STRETCH:
        return [every]  # as nearly always
    by_week: defaultdict[datetime, list[Span]] = defaultdict(list)
    for each in every:
        low = each.low
        while low <= each.high:
            week = bucket_start(low, STRETCH)
            by_week[week].append(Span(each.channel_id, low, min(each.high, week + STRETCH)))
            low = week + STRETCH + INSTANT
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


def labels(
    formula: Formula, span: Span, before: datetime | None, newest: datetime, calendar: Calendar
) -> set[datetime]:
    """Return the times of the values that a change of one input touches, for formulas that look at hours.

    Args:
        formula: what is made; its basis is not `moment`.
        span: what changed.
        before: the input's last reading before the change: the hour it is in was not over, and could not be made.
        newest: no value is made for an hour or day whose end the inputs have not reached.
        calendar: hours and days of the network.
    """
    ends = [(span.low, span.high)] if before is None else [(before, before), (span.low, span.high)]
    if formula.basis is Basis.DAY:
        return {label for low, high in ends for label in _day_ends(low, min(calendar.day_end(high), newest), calendar)}
    reach = (formula.hours - 1) * HOUR
    return {
        label for low, high in ends for label in _hour_ends(low, min(calendar.hour_end(high) + reach, newest), calendar)
    }


def _day_ends(low: datetime, last: datetime, calendar: Calendar) -> Iterator[datetime]:
    end = calendar.day_end(low)
    while end <= last:
        yield end
        end = calendar.day_end(end + INSTANT)


def _hour_ends(low: datetime, last: datetime, calendar: Calendar) -> Iterator[datetime]:
    end = calendar.hour_end(low)
    while end <= last:
        yield end
        end += HOUR
