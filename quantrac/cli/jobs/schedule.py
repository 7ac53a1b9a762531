"""Due times of jobs. Pure: `now` is given, local times are those of Asia/Ho_Chi_Minh (UTC+7, no summer time)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Protocol

from quantrac.telemetry.local_time import LOCAL

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class DueTimes(Protocol):
    """A series of due times."""

    def latest_due(self, now: datetime) -> datetime:
        """Return the last due time that is not after `now`."""
        ...

    def next_due(self, now: datetime) -> datetime:
        """Return the first due time after `now`."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Due every `width`, aligned to the wall clock."""

    width: timedelta

    def latest_due(self, now: datetime) -> datetime:
        """Return the last due time that is not after `now`."""
        return EPOCH + (now - EPOCH) // self.width * self.width

    def next_due(self, now: datetime) -> datetime:
        """Return the first due time after `now`."""
        return self.latest_due(now) + self.width


@dataclass(frozen=True, slots=True)
class Daily:
    """Due each day at a local time."""

    at: time

    def latest_due(self, now: datetime) -> datetime:
        """Return the last due time that is not after `now`."""
        return self.next_due(now) - timedelta(days=1)

    def next_due(self, now: datetime) -> datetime:
        """Return the first due time after `now`."""
        today = datetime.combine(now.astimezone(LOCAL).date(), self.at, LOCAL)
        return (today if today > now else today + timedelta(days=1)).astimezone(UTC)
