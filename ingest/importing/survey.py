"""What an import would bring: each name of the files with its channel, unit, count, time and values. Stores nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ingest.importing import files
from ingest.importing.import_run import Order, load_station, notation_of
from ingest.importing.line import LineProblem
from ingest.importing.times import DateOrder
from quantrac.database.pool import Connection
from quantrac.telemetry.slots import EPOCH

MS: Final = timedelta(milliseconds=1)
STORED: Final = """
select count(*)::int8 from reading
where channel_id = (select channel_id from channel where station = %(station)s and name = %(channel)s)
  and time between %(first)s and %(last)s
"""


@dataclass(slots=True)
class NameSurvey:
    """What one name in one unit would bring."""

    name: str
    unit: str | None
    """As the files write it."""
    channel: str
    values: int = 0
    missing: int = 0
    first_ms: int = 0
    last_ms: int = 0
    low: float | None = None
    """Of the values in the channel's unit, as `high`."""
    high: float | None = None
    stored: int = 0
    """Readings of the channel that the database has between the first and the last time."""

    @property
    def first(self) -> datetime:
        """The time of the earliest value."""
        return EPOCH + self.first_ms * MS

    @property
    def last(self) -> datetime:
        """The time of the latest value."""
        return EPOCH + self.last_ms * MS

    def count(self, t_ms: int, value: float | None) -> None:
        """Take in a value."""
        self.first_ms = min(self.first_ms, t_ms) if self.values + self.missing else t_ms
        self.last_ms = max(self.last_ms, t_ms)
        if value is None:
            self.missing += 1
            return
        self.values += 1
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)


@dataclass(slots=True)
class Survey:
    """What an import would bring, all names together."""

    dates: DateOrder
    names: dict[tuple[str, str | None], NameSurvey] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    """Lines by name that is left out; of a wide table the columns left out are not read."""
    refused: int = 0


def survey(conn: Connection, order: Order, now: datetime, tell: Callable[[LineProblem], None]) -> Survey:
    """Read the files of an import as it would, and say what would come of each name.

    Raises StationNotApplied, NothingToImport, UnclearDates.
    """
    found = files.found(order.paths, order.file_format)
    station = load_station(conn, order)
    notation = notation_of(conn, order, found)
    now_ms = (now - EPOCH) // MS
    result = Survey(notation.dates)
    for line in files.lines(found, order.file_format, notation):
        usable = line if isinstance(line, LineProblem) else station.reading(line, now_ms)
        if isinstance(usable, LineProblem):
            tell(usable)
            result.refused += 1
        elif isinstance(line, LineProblem) or usable is None:
            result.skipped[line.name] = result.skipped.get(line.name, 0) + 1  # type: ignore[union-attr]
        else:
            t_ms, (channel, value, _) = usable
            one = result.names.setdefault((line.name, line.unit), NameSurvey(line.name, line.unit, channel))
            one.count(t_ms, value)
    for one in result.names.values():
        asked = {"station": order.station, "channel": one.channel, "first": one.first, "last": one.last}
        row = conn.execute(STORED, asked).fetchone()
        one.stored = row[0] if row else 0
    return result
