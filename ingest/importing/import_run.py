"""An import from beginning to end. `run_import` lists the path of the data.

Idempotent: the same files are known by their digest, the same readings by their keys. Resumable: each batch is one
transaction with the place reached. Traceable: all its readings bear the moment it was started as their time of receipt,
and its messages have a book of their own in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from ingest.books.receipt import Receipt
from ingest.importing import files
from ingest.importing.files import Format
from ingest.importing.line import FilePlace, ImportLine, LineProblem
from ingest.importing.names import Names, TargetChannel
from ingest.importing.numbers import DecimalMark
from ingest.importing.table import Notation
from ingest.importing.times import DateOrder
from ingest.receiving import registry_table
from ingest.receiving.batch import prepare
from ingest.receiving.checks import FUTURE_ALLOWED_MS
from ingest.storing.transaction import store
from quantrac.config.units import Conversion
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry import topics, wire
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.slots import EPOCH
from quantrac.telemetry.wire import Message, WireReading

LINES_A_BATCH: Final = 20_000
MOST_IN_BUNDLE: Final = 500
US: Final = timedelta(microseconds=1)

CHANNELS: Final = "select name, parameter, unit, channel_id, derived from channel where station = %s"
BEGIN: Final = """
insert into import as i (station, epoch, format, source, sha256, interval_s, person, started_at)
values (%(station)s,
        %(epoch)s || coalesce((
          select '-' || count(*) + 1 from import
          where station = %(station)s and sha256 = %(sha256)s and undone_at is not null having count(*) > 0), ''),
        %(format)s, %(source)s, %(sha256)s, %(interval_s)s, %(person)s,
        greatest(%(now)s, (select max(started_at) + interval '1 microsecond' from import)))
on conflict (station, sha256) where undone_at is null do update set person = i.person
returning import_id, epoch, started_at, lines, messages, readings, refused, finished_at is not null
"""
MOVE: Final = """
update import set lines = %s, messages = %s, readings = %s, refused = %s,
  first_t = least(first_t, %s), last_t = greatest(last_t, %s) where import_id = %s
"""
ALONE: Final = "select pg_try_advisory_lock(%s, hashtext(%s))"
LET_OTHERS: Final = "select pg_advisory_unlock(%s, hashtext(%s))"
IMPORT_LOCK: Final = 0x5154_0042
"""Held, with station and digest, by whoever imports these files: two would count what each of them has added."""
UNDONE_BY: Final = "select undone_by from import where import_id = %s for no key update"
FINISH: Final = "update import set finished_at = %s where import_id = %s"
OTHER_INTERVALS: Final = """
update channel_interval set during = during - %(during)s::tstzmultirange
where channel_id = any(%(channels)s) and interval_s <> %(interval_s)s
"""
THIS_INTERVAL: Final = """
insert into channel_interval as i (channel_id, interval_s, during)
select channel_id, %(interval_s)s, %(during)s::tstzmultirange from channel
where channel_id = any(%(channels)s) and interval_s <> %(interval_s)s order by channel_id
on conflict (channel_id, interval_s) do update set during = i.during + excluded.during
"""


class StationNotApplied(QuantracError):
    """The station is not in the database."""

    exit_code = 2


class ImportUndone(QuantracError):
    """Somebody undid the import while it ran."""


class ImportRuns(QuantracError):
    """Another process imports the same files."""


class Order(NamedTuple):
    """What is to be imported."""

    station: str
    file_format: Format
    paths: tuple[Path, ...]
    interval_ms: int
    """How far apart the values are: completeness counts by it."""
    chosen: Mapping[str, str]
    skipped: Collection[str]
    person: str
    dates: DateOrder | None = None
    """Which order dates with slashes have; None: as they show."""
    decimal: DecimalMark | None = None
    """What parts the decimals of numbers; None: as they show."""
    flag_column: str | None = None
    """The columns of experts' flags, `*` for the name of the column of values; None: flags are not read."""

    @property
    def told(self) -> list[str]:
        """What the person told of the meaning of the values."""
        pairs = sorted(f"{name}={channel}" for name, channel in self.chosen.items())
        decimal = [self.decimal] if self.decimal else []
        return [*pairs, *sorted(self.skipped), str(self.interval_ms), self.dates or "", *decimal]


@dataclass(slots=True)
class Progress:
    """How far an import is, over all its runs."""

    import_id: int
    epoch: str
    started_at: datetime
    lines: int
    messages: int
    readings: int
    refused: int
    was_finished: bool
    repeated: int = 0
    """Messages of this run that brought nothing new."""
    conflicts: int = 0
    """Messages of this run with another value for a reading that was there."""
    is_broken_off: bool = False
    """A file could not be read to its end: what is behind that place is still to be imported."""


@dataclass(slots=True)
class TargetStation:
    """What an import must know of its station."""

    name: str
    in_service_ms: int
    names: Names
    numbers: dict[str, int]
    known: dict[tuple[str, str | None], tuple[TargetChannel, Conversion] | str | None] = field(default_factory=dict)

    def reading(self, line: ImportLine, now_ms: int) -> tuple[int, WireReading] | LineProblem | None:
        """Return time and reading of a line, None for one that is skipped."""
        key = (line.name, line.unit)
        if key not in self.known:
            self.known[key] = self._meaning(*key)
        meaning = self.known[key]
        if meaning is None:
            return None
        if isinstance(meaning, str):
            return LineProblem(line.place, meaning)
        if line.t_ms < self.in_service_ms:
            begun = EPOCH + timedelta(milliseconds=self.in_service_ms)
            return LineProblem(
                line.place, f"time: found a time before the station's in_service {begun:%Y-%m-%d %H:%M}Z"
            )
        if line.t_ms > now_ms + FUTURE_ALLOWED_MS:
            return LineProblem(line.place, "time: found a time in the future")
        channel, convert = meaning
        value = None if line.value is None else convert(line.value)
        return line.t_ms, (channel.name, value, line.state.word)

    def channel(self, name: str) -> TargetChannel | None:
        """Return the channel that a name means, None for one that is skipped or unknown."""
        channel = self.names.channel(name)
        return channel if isinstance(channel, TargetChannel) else None

    def _meaning(self, name: str, unit: str | None) -> tuple[TargetChannel, Conversion] | str | None:
        channel = self.names.channel(name)
        if not isinstance(channel, TargetChannel):
            return channel
        convert = self.names.unit(channel, unit)
        return convert if isinstance(convert, str) else (channel, convert)


def run_import(
    conn: Connection,
    order: Order,
    now: datetime,
    tell: Callable[[LineProblem], None],
    moved: Callable[[Progress, FilePlace], None],
) -> Progress:
    """Import what is not imported yet and return how far it came; a line that cannot be used is reported and counted.

    files → lines → readings of the station's channels → messages, bundled as an edge does → the checks of ingest →
    COPY, books, feed, and the place reached, in one transaction a batch. Where a file cannot be read further, the
    import ends there and is not finished: repeated, it goes on from there. Raises StationNotApplied, NothingToImport,
    UnclearDates, UnclearNumbers, ImportUndone, ImportRuns.
    """
    found = files.found(order.paths, order.file_format)
    station = load_station(conn, order)
    notation = notation_of(conn, order, found)
    sha256 = files.digest(found, order.told)
    with _alone(conn, order.station, sha256):
        progress = _begin(conn, order, sha256, now)
        if not progress.was_finished:
            _import(conn, order, found, station, notation, progress, now, tell, moved)
    return progress


@contextmanager
def _alone(conn: Connection, station: str, sha256: str) -> Iterator[None]:
    keys = [IMPORT_LOCK, f"{station} {sha256}"]
    if conn.execute(ALONE, keys).fetchone() != (True,):
        raise ImportRuns("another process imports these files just now: see quantrac import list")
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(LET_OTHERS, keys)


def _import(
    conn: Connection,
    order: Order,
    found: Sequence[Path],
    station: TargetStation,
    notation: Notation,
    progress: Progress,
    now: datetime,
    tell: Callable[[LineProblem], None],
    moved: Callable[[Progress, FilePlace], None],
) -> None:
    lines = islice(files.lines(found, order.file_format, notation), progress.lines, None)
    now_ms = (now - EPOCH) // timedelta(milliseconds=1)
    while batch := list(islice(lines, LINES_A_BATCH)):
        end = next((n for n, line in enumerate(batch) if isinstance(line, LineProblem) and line.is_end), None)
        if end is not None:
            tell(batch[end])  # type: ignore[arg-type]
            progress.is_broken_off = True
            if not (batch := batch[:end]):
                break
        readings: list[tuple[int, WireReading]] = []
        for line in batch:
            usable = line if isinstance(line, LineProblem) else station.reading(line, now_ms)
            if isinstance(usable, LineProblem):
                tell(usable)
                progress.refused += 1
            elif usable is not None:
                readings.append(usable)
        _store(conn, order, station, readings, progress, len(batch))
        moved(progress, batch[-1].place)
        if progress.is_broken_off:
            break
    if not progress.is_broken_off:
        conn.execute(FINISH, [now, progress.import_id])


def notation_of(conn: Connection, order: Order, found: Sequence[Path]) -> Notation:
    """Return how the files are to be read. Raises UnclearDates, UnclearNumbers."""
    notation = Notation(
        order.station, time_zone(conn), order.skipped, decimal=order.decimal, flag_column=order.flag_column
    )
    return notation._replace(
        dates=files.date_order(found, order.file_format, notation, order.dates),
        marks=files.decimal_marks(found, order.file_format, notation),
    )


def load_station(conn: Connection, order: Order) -> TargetStation:
    """Read what is known of the station. Raises StationNotApplied."""
    row = conn.execute("select in_service from station where station = %s", [order.station]).fetchone()
    if row is None:
        raise StationNotApplied(
            f"--station: found {order.station}, which is not in the database: quantrac stations apply"
        )
    rows = conn.execute(CHANNELS, [order.station]).fetchall()
    channels = [TargetChannel(*each[:3]) for each in rows if not each[4]]
    made_here = [f"{order.station}/{name}" for name, *_, derived in rows if derived]  # as our own exports name them
    in_service_ms = (row[0] - EPOCH) // timedelta(milliseconds=1)
    names = Names(channels, order.chosen, [*order.skipped, *made_here])
    return TargetStation(order.station, in_service_ms, names, {each[0]: each[3] for each in rows})


def messages(readings: Iterable[tuple[int, WireReading]], epoch: str, seq: int) -> Iterator[Message]:
    """Put neighbouring readings of one time into one message, numbered from `seq` + 1."""
    together: dict[str, WireReading] = {}
    time = None
    for t_ms, reading in readings:
        if together and (t_ms != time or reading[0] in together):
            seq += 1
            yield Message(epoch=epoch, seq=seq, t=time or 0, r=list(together.values()))
            together = {}
        time = t_ms
        together[reading[0]] = reading
    if together:
        yield Message(epoch=epoch, seq=seq + 1, t=time or 0, r=list(together.values()))


def deliveries(topic: str, made: Sequence[Message]) -> Iterator[Delivery]:
    """Bundle messages as an edge does."""
    lines = [wire.encode(message) for message in made]
    at = 0
    while at < len(lines):
        payload, count = wire.bundle(lines[at : at + MOST_IN_BUNDLE])
        at += count
        yield Delivery(topic, payload, 0, 0, False, False, len(payload), None, ())


def _begin(conn: Connection, order: Order, sha256: str, now: datetime) -> Progress:
    with conn.transaction():
        row = conn.execute(
            BEGIN,
            {
                "station": order.station,
                "epoch": f"import-{sha256[:12]}",
                "format": order.file_format,
                "source": ", ".join(map(str, order.paths)),
                "sha256": sha256,
                "interval_s": order.interval_ms / 1000,
                "person": order.person,
                "now": now,
            },
        ).fetchone()
        assert row is not None
        progress = Progress(*row)
        detail = {"import": progress.import_id}
        audit.record(conn, now, order.person, "import", f"station {order.station}", detail=detail)
    return progress


def _store(
    conn: Connection,
    order: Order,
    station: TargetStation,
    readings: Sequence[tuple[int, WireReading]],
    progress: Progress,
    lines: int,
) -> None:
    made = list(messages(readings, progress.epoch, progress.messages))
    received_us = (progress.started_at - EPOCH) // US
    receipts = [Receipt(each, received_us) for each in deliveries(topics.topic(station.name, "backfill"), made)]
    times = [EPOCH + timedelta(milliseconds=message.t) for message in made]
    with conn.transaction():
        _refuse_undone(conn, progress.import_id)
        if made:
            registry = registry_table.load_in(conn)
            _note_interval(conn, order, station, made, min(times), max(times))
            stored = store(conn, prepare(receipts, registry))
            progress.readings += stored.readings
            progress.repeated += stored.duplicate
            progress.conflicts += stored.conflict
        progress.lines += lines
        progress.messages += len(made)
        first, last = (min(times), max(times)) if times else (None, None)
        conn.execute(
            MOVE,
            [progress.lines, progress.messages, progress.readings, progress.refused, first, last, progress.import_id],
        )


def _refuse_undone(conn: Connection, import_id: int) -> None:
    """Raise ImportUndone; else nobody undoes the import before the transaction ends."""
    by = conn.execute(UNDONE_BY, [import_id]).fetchone()
    if by is not None and by[0] is not None:
        raise ImportUndone(f"import {import_id} was undone by {by[0]} while it ran: nothing more of it is stored")


def _note_interval(
    conn: Connection, order: Order, station: TargetStation, made: Sequence[Message], first: datetime, last: datetime
) -> None:
    """Remember that these channels reported in this interval then: completeness counts by it."""
    names = {name for message in made for name, _, _ in message.r}
    begin = first - timedelta(milliseconds=order.interval_ms)
    noted = {
        "channels": sorted(station.numbers[name] for name in names),
        "interval_s": order.interval_ms / 1000,
        "during": f"{{({begin.isoformat()},{last.isoformat()}]}}",
    }
    conn.execute(OTHER_INTERVALS, noted)
    conn.execute(THIS_INTERVAL, noted)
