"""What an export holds: channels, time, resolution; refused where a name is unknown or the wish makes no sense."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from quantrac.database.pool import Connection
from quantrac.telemetry.errors import TranslatableError
from reports.exports.formats import Resolution

LONGEST: Final = timedelta(days=3700)
"""Ten years: what is asked by mistake is longer."""

STATIONS: Final = "select station from station order by station"
EVERY_CHANNEL: Final = """
select channel from channel where %(stations)s::text[] is null or station = any(%(stations)s) order by channel
"""
"""Of the chosen stations: whoever may read one of them is told of no other."""
CHOSEN: Final = """
from channel c
where (%(stations)s::text[] is null or c.station = any(%(stations)s))
  and (%(channels)s::text[] is null or c.channel = any(%(channels)s)) and not (c.derived and %(measured)s)
"""
CHANNELS: Final = f'select c.channel {CHOSEN} order by c.channel collate "C"'  # a constant
EXPECTED: Final = f"""
select coalesce(sum(expected_on_day(c.channel_id, %(after)s, %(until)s)), 0)::int8
{CHOSEN}
"""


@dataclass(frozen=True, slots=True)
class ExportRange:
    """Which readings: after < time <= until (a reading bears the end of its slot), or hours and days within.

    No name means all.
    """

    after: datetime
    until: datetime
    stations: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    as_of: datetime | None = None
    """Readings as they were shown at this earlier moment, derived channels left out; None: now."""
    resolution: Resolution = Resolution.RAW

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the statements above and of those that read rows."""
        return {
            "after": self.after,
            "until": self.until,
            "as_of": self.as_of,
            "measured": self.as_of is not None,
            "stations": list(self.stations) or None,
            "channels": list(self.channels) or None,
        }


class UnknownName(TranslatableError):
    """A station or channel that the database does not know."""

    exit_code = 2


class BadSelection(TranslatableError):
    """What was asked for cannot be written."""

    exit_code = 2


def channels_of(conn: Connection, selection: ExportRange) -> list[str]:
    """Return the channels of a selection, in their order in the file. Raises UnknownName, BadSelection."""
    if not timedelta(0) < selection.until - selection.after <= LONGEST:
        raise BadSelection("expected an end after the beginning, at most ten years later")
    if selection.as_of is not None and selection.resolution is not Resolution.RAW:
        raise BadSelection("as of an earlier moment there are readings alone: choose the resolution raw")
    asked = selection.parameters()
    if unknown := _unknown(conn, STATIONS, asked, selection.stations):
        raise UnknownName("unknown station {names}; known: {known}", **unknown)
    if unknown := _unknown(conn, EVERY_CHANNEL, asked, selection.channels):
        raise UnknownName("unknown channel {names}; known: {known}", **unknown)
    return [channel for (channel,) in conn.execute(CHANNELS, asked)]


def expected_rows(conn: Connection, selection: ExportRange) -> int:
    """Return about how many rows the file will have: the readings that are expected, or hours, or days."""
    found = conn.execute(EXPECTED, selection.parameters()).fetchone()
    assert found is not None, "a sum has one row"
    if selection.resolution is Resolution.RAW:
        return int(found[0])
    width = timedelta(hours=1) if selection.resolution is Resolution.HOURLY else timedelta(days=1)
    return len(channels_of(conn, selection)) * -(-(selection.until - selection.after) // width)


def _unknown(conn: Connection, query: str, asked: dict[str, object], names: tuple[str, ...]) -> dict[str, str]:
    """Return the names that the database does not know, and those it does, as words; nothing where it knows all."""
    known = [name for (name,) in conn.execute(query, asked)] if names else []
    unknown = sorted(set(names) - set(known))
    return {"names": ", ".join(unknown), "known": ", ".join(known) or "–"} if unknown else {}
