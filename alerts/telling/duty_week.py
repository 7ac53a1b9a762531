"""The roster and the quiet hours as stretches of time, so that a week of them can be shown. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from alerts.telling.routes import WEEK, Hours, shift_on_duty
from quantrac.config.notifications import Duty

DAY = timedelta(days=1)


class DutyTurn(NamedTuple):
    """One shift's turn on duty: since <= time < until."""

    since: datetime
    until: datetime
    shift: str
    is_swapped: bool


def turns(duty: Duty, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[DutyTurn]:
    """Yield the turns of a roster that touch a stretch of time, the first one since it began."""
    begin = datetime.combine(duty.first, time.fromisoformat(duty.at))
    local = since.astimezone(zone).replace(tzinfo=None)
    begin += (local - begin) // WEEK * WEEK
    while (at := begin.replace(tzinfo=zone)) < until:
        swapped = begin.date().isoformat() in duty.swaps
        yield DutyTurn(at, (begin + WEEK).replace(tzinfo=zone), shift_on_duty(duty, at, zone), swapped)
        begin += WEEK


class Night(NamedTuple):
    """The quiet hours of one night: since <= time < until."""

    since: datetime
    until: datetime


def nights(hours: Hours, since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[Night]:
    """Yield the quiet hours within a stretch of time, cut at its ends."""
    start, end = hours
    day = since.astimezone(zone).date() - DAY
    while (begin := datetime.combine(day, start, zone)) < until:
        finish = datetime.combine(day if start <= end else day + DAY, end, zone)
        if (first := max(begin, since)) < (last := min(finish, until)):
            yield Night(first, last)
        day += DAY
