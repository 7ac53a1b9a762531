"""Due times: at multiples of a time, or on days of a calendar by the clocks of a time zone. Pure.

A due time is written as people say it: `every 30 s`, `daily 02:30`, `monday 06:30`, `monthly 1 07:00`,
`yearly 01-05 07:00`.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EVERY: Final = re.compile(r"every (\d+) s")
_ON_DAYS: Final = re.compile(
    rf"(?:(daily)|({'|'.join(WEEKDAYS)})|monthly (\d\d?)|yearly (\d\d)-(\d\d)) ((?:[01]\d|2[0-3]):[0-5]\d)"
)
EXPECTED: Final = "daily 02:30, monday 06:30, monthly 1 07:00 or yearly 01-05 07:00"


@dataclass(frozen=True, slots=True)
class Every:
    """Due every `width`, aligned to the wall clock."""

    width: timedelta

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"every {self.width // timedelta(seconds=1)} s"


class DueDays(Protocol):
    """Some days of the calendar."""

    def until(self, day: date) -> date:
        """Return the last of them that is not after a day."""
        ...

    def after(self, day: date) -> date:
        """Return the first of them after a day."""
        ...


@dataclass(frozen=True, slots=True)
class EachDay:
    """All days."""

    def until(self, day: date) -> date:
        """Return the day itself."""
        return day

    def after(self, day: date) -> date:
        """Return the next day."""
        return day + DAY

    def __str__(self) -> str:
        """Return it as it is written."""
        return "daily"


@dataclass(frozen=True, slots=True)
class EachWeek:
    """One day of the week."""

    weekday: int
    """0: Monday."""

    def until(self, day: date) -> date:
        """Return the last such day that is not after a day."""
        return day - (day.weekday() - self.weekday) % 7 * DAY

    def after(self, day: date) -> date:
        """Return the first such day after a day."""
        return self.until(day + 7 * DAY)

    def __str__(self) -> str:
        """Return it as it is written."""
        return WEEKDAYS[self.weekday]


@dataclass(frozen=True, slots=True)
class EachMonth:
    """One day of the month; of a shorter month its last."""

    day: int

    def until(self, day: date) -> date:
        """Return the last such day that is not after a day."""
        found = _of_month(day.year, day.month, self.day)
        return found if found <= day else self._of(day.replace(day=1) - DAY)

    def after(self, day: date) -> date:
        """Return the first such day after a day."""
        found = self._of(day)
        return found if found > day else self._of(day.replace(day=28) + 7 * DAY)

    def _of(self, month: date) -> date:
        return _of_month(month.year, month.month, self.day)

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"monthly {self.day}"


@dataclass(frozen=True, slots=True)
class EachYear:
    """One date of the year; 29 February is the 28th in years without it."""

    month: int
    day: int

    def until(self, day: date) -> date:
        """Return the last such day that is not after a day."""
        found = _of_month(day.year, self.month, self.day)
        return found if found <= day else _of_month(day.year - 1, self.month, self.day)

    def after(self, day: date) -> date:
        """Return the first such day after a day."""
        found = _of_month(day.year, self.month, self.day)
        return found if found > day else _of_month(day.year + 1, self.month, self.day)

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"yearly {self.month:02}-{self.day:02}"


@dataclass(frozen=True, slots=True)
class OnDays:
    """Due on days at a local time: at the first where clocks show it twice, later where they leave it out."""

    at: time
    days: DueDays = EachDay()

    def on(self, day: date, zone: ZoneInfo) -> datetime:
        """Return when it is due on a date."""
        return datetime.combine(day, self.at, zone).astimezone(UTC)

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.days} {self.at:%H:%M}"


Due = Every | OnDays


def parse_due(text: str) -> Due:
    """Read a due time as it is written. Raises ValueError."""
    if found := _EVERY.fullmatch(text):
        return Every(timedelta(seconds=int(found[1])))
    found = _ON_DAYS.fullmatch(text)
    if found is None:
        raise ValueError(f"found {text!r}, expected {EXPECTED}")
    _, weekday, of_month, month, day, at = found.groups()
    days: DueDays = EachDay()
    if weekday:
        days = EachWeek(WEEKDAYS.index(weekday))
    elif of_month:
        days = EachMonth(date(2000, 1, int(of_month)).day)
    elif month:
        date(2000, int(month), int(day))  # a leap year has every date that there is
        days = EachYear(int(month), int(day))
    return OnDays(time.fromisoformat(at), days)


def latest_due(due: Due, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the last due time that is not after `now`."""
    if isinstance(due, Every):
        return EPOCH + (now - EPOCH) // due.width * due.width
    day = due.days.until(now.astimezone(zone).date())
    return due.on(day, zone) if due.on(day, zone) <= now else due.on(due.days.until(day - DAY), zone)


def next_due(due: Due, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the first due time after `now`."""
    if isinstance(due, Every):
        return latest_due(due, now, zone) + due.width
    day = due.days.until(now.astimezone(zone).date())
    return due.on(day, zone) if due.on(day, zone) > now else due.on(due.days.after(day), zone)


def _of_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
