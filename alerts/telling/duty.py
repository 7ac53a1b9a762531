"""The duty roster: which shift has the week. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from quantrac.config.telling import Duty

WEEK = timedelta(days=7)


def week_of(duty: Duty, now: datetime, zone: ZoneInfo) -> date:
    """Return the day on which the shift that has the duty now took it over; weeks begin on the weekday of `from`."""
    start = datetime.combine(duty.first, time.fromisoformat(duty.at))
    weeks = (now.astimezone(zone).replace(tzinfo=None) - start) // WEEK
    return duty.first + weeks * WEEK


def shift_on_duty(duty: Duty, now: datetime, zone: ZoneInfo) -> str:
    """Return the shift that has the week: the next of the list each week, unless weeks were swapped."""
    day = week_of(duty, now, zone)
    swapped = duty.swaps.get(day.isoformat())
    return swapped or duty.shifts[(day - duty.first).days // 7 % len(duty.shifts)]


def has_duty(duty: Duty, groups: Collection[str], now: datetime, zone: ZoneInfo) -> bool:
    """Whether a member of the rostered group is on duty; who is in no shift always is."""
    own = set(duty.shifts) & set(groups)
    return not own or shift_on_duty(duty, now, zone) in own
