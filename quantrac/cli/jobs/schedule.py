"""Due times of jobs: at multiples of a time, or each day by the clocks of a time zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Every:
    """Due every `width`, aligned to the wall clock."""

    width: timedelta


@dataclass(frozen=True, slots=True)
class Daily:
    """Due each day at a local time: at the first where clocks show it twice, later where they leave it out."""

    at: time

    def on(self, day: date, zone: ZoneInfo) -> datetime:
        """Return when it is due on a date."""
        return datetime.combine(day, self.at, zone).astimezone(UTC)


Due = Every | Daily


def latest_due(due: Due, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the last due time that is not after `now`."""
    if isinstance(due, Every):
        return EPOCH + (now - EPOCH) // due.width * due.width
    today = now.astimezone(zone).date()
    return due.on(today, zone) if due.on(today, zone) <= now else due.on(today - DAY, zone)


def next_due(due: Due, now: datetime, zone: ZoneInfo) -> datetime:
    """Return the first due time after `now`."""
    if isinstance(due, Every):
        return latest_due(due, now, zone) + due.width
    today = now.astimezone(zone).date()
    return due.on(today, zone) if due.on(today, zone) > now else due.on(today + DAY, zone)
