"""Local time: where hours and days begin in a time zone, and how people write and read times. Stored and sent is UTC.

The zone is `time_zone` of network.yaml. It is handed in: programs with the station files have `Network.zone`, others
read it from the database (`quantrac.database.time_zone`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from quantrac.telemetry.slots import bucket_end

HOUR: Final = timedelta(hours=1)
INSTANT: Final = timedelta(microseconds=1)
REFERENCE: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a zone is asked at which minute its hours begin: one answer for all times, so that hours never overlap."""


class Calendar:
    """Hours and days of a time zone; all times returned are UTC.

    As with slots a boundary ends what is before it: an hour or a day that begins at b holds b < t <= its end. A day on
    which clocks are set has 23 or 25 hours, and where midnight does not exist it begins when clocks are set.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.shift: timedelta = -_offset(zone) % HOUR
        """From the full hour of UTC to that of the zone: 15 minutes in Kathmandu (UTC+5:45), mostly 0."""

    def hour_end(self, moment: datetime) -> datetime:
        """Return the end of the hour that holds an instant."""
        return bucket_end(moment - self.shift, HOUR) + self.shift

    def hour_start(self, moment: datetime) -> datetime:
        """Return the beginning of the hour that holds an instant."""
        return self.hour_end(moment) - HOUR

    def day_start(self, moment: datetime) -> datetime:
        """Return the beginning of the local day that holds an instant."""
        return self.midnight(self._date(moment))

    def day_end(self, moment: datetime) -> datetime:
        """Return the end of the local day that holds an instant, which is the beginning of the next one."""
        return self.midnight(self._date(moment) + timedelta(days=1))

    def midnight(self, day: date) -> datetime:
        """Return when a date begins."""
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def _date(self, moment: datetime) -> date:
        return (moment.astimezone(UTC) - INSTANT).astimezone(self.zone).date()


def _offset(zone: ZoneInfo) -> timedelta:
    return REFERENCE.astimezone(zone).utcoffset() or timedelta(0)


def moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a date or a time; without an offset it is local. Returns UTC; raises ValueError."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def shown(moment: datetime, zone: ZoneInfo) -> str:
    """Return an aware time as local date and time, to the second."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
