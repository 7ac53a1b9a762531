"""The desk of traces: one number back to its raw reading, its tests and persons, and on to what is made of it.

Data path: channel → its reading, as sent and as shown → way to the centre → findings → reviews → what it is made of →
what is made of it → stage of its day. It only reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.database.time_zone import time_zone
from quantrac.desks.acts import Act
from quantrac.desks.stages import StagedDay
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.indices.formulas import FORMULAS, Basis, Formula
from quantrac.telemetry.local_time import HOUR, Calendar
from quantrac.telemetry.quality import QUALITY_OF_TEST, Quality


class NothingToTrace(TranslatableError):
    """There is no such channel, or no reading of it at that time; the text names the nearest ones."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class TracedChannel:
    """Where the reading comes from, as the station is configured now."""

    channel_id: int
    station: str
    channel: str
    parameter: str
    unit: str
    interval_s: float
    derived: bool
    span_low: float | None
    span_high: float | None
    plausible_low: float | None
    plausible_high: float | None
    expect_low: float | None
    expect_high: float | None
    history_tests: list[str]
    """Tests with a history that run on it."""
    device: str | None
    profile: str | None
    instrument: str | None
    """Title of the instrument's profile."""
    serial: str | None
    bus: str | None
    address: str | None
    config_applied: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class ShownReading:
    """A reading: the raw value as it was sent, and what the views make of it."""

    time: datetime
    """By the station's clock: the end of what it covers."""
    raw_value: float | None
    state: str
    """What the device said of it."""
    received_at: datetime
    """When it came; of a derived one: when the newest of what it is made of did."""
    late: bool
    value: float | None
    quality: int
    tests: str


@dataclass(frozen=True, slots=True)
class BookPlace:
    """The station's book in which its message stands: between the messages that brought the neighbouring events."""

    epoch: str
    after_seq: int
    """The seq of an event before it; 0: none is known."""
    before_seq: int | None
    """The seq of an event after it; None: none of this epoch is known."""


@dataclass(frozen=True, slots=True)
class ImportPlace:
    """The import that brought it."""

    import_id: int
    source: str
    """Name of the file."""
    sha256: str
    person: str
    started_at: datetime


@dataclass(frozen=True, slots=True)
class TracedFinding:
    """What a test said; `flag` None: it ran and found nothing, or a verdict was taken back."""

    test: str | None
    """None: a verdict of a person."""
    flag: int | None
    by: str
    reason: str | None
    at: datetime | None
    """None: when the reading came."""
    score: float | None = None
    """How far the evidence of a test goes: 1 where a reading becomes suspect."""
    words: dict[str, str] | None = None
    """What a test says, by language."""


@dataclass(frozen=True, slots=True)
class OtherValue:
    """A second value for the same time, kept beside the first."""

    value: float | None
    state: str
    epoch: str
    seq: int
    received_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class TracedInput:
    """What of a channel went into a derived value: readings `after` < t <= `until`."""

    input: str
    """Its name in the formula."""
    channel: str
    after: datetime
    until: datetime
    count: int
    """Of the readings there, those that count."""
    value: float | None
    """Their mean."""


@dataclass(frozen=True, slots=True)
class TracedFormula:
    """How a derived value is made."""

    formula: str
    source: str
    """Of the formula: decree or paper."""
    options: dict[str, Any]
    inputs: list[TracedInput]


@dataclass(frozen=True, slots=True)
class TracedUse:
    """What was made of the reading: a bucket of roll-ups, or values of a derived channel."""

    kind: str
    """`hourly`, `daily`, or the formula of the derived channel."""
    channel: str
    first: datetime
    """Time of the first value that has it in it; of a bucket its start."""
    last: datetime
    value: float | None
    """Of the first."""
    count: int | None
    """Readings in a bucket."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything that is on record of one reading."""

    channel: TracedChannel
    reading: ShownReading
    as_of: ShownReading | None
    """What was shown at the earlier moment that was asked for; None: none was, or the reading had not come."""
    book: BookPlace | None
    imported: ImportPlace | None
    findings: list[TracedFinding]
    """Oldest first; of a test with a history the newest counts, a person's verdict stands above all."""
    reviews: list[Act]
    corrected: dict[int, float | None]
    """Number of a review → the value that it gave."""
    conflicts: list[OtherValue]
    formula: TracedFormula | None
    uses: list[TracedUse]
    stage: StagedDay | None
    """Of its day; None: the day has not been rolled up yet."""


CHANNEL: Final = """
select c.channel_id, c.station, c.channel, c.parameter, c.unit, c.interval_s, c.derived, c.span_low, c.span_high,
       c.plausible_low, c.plausible_high, c.expect_low, c.expect_high, c.history_tests, c.device,
       d.device #>> '{profile,device}' as profile, d.device #>> '{profile,title}' as instrument,
       d.device ->> 'serial' as serial, d.device #>> '{bus,name}' as bus, d.device ->> 'address' as address,
       s.config_applied, s.applied_at
from channel c join station s using (station)
cross join lateral (select s.config -> 'devices' -> c.device as device) d
where c.channel = %s
"""
READING: Final = f"""
select {columns_of(ShownReading)} from v_reading
where channel = %(channel)s and time >= %(time)s and time < %(until)s order by time limit 1
"""  # noqa: S608  # our own field names
NEWEST: Final = "select time from v_latest where channel = %s"
NEAREST: Final = """
select (select max(time) from v_reading where channel = %(channel)s and time < %(time)s and time > %(low)s),
       (select min(time) from v_reading where channel = %(channel)s and time > %(time)s and time < %(high)s)
"""
NEAR: Final = timedelta(days=31)
AS_OF: Final = """
select r.time, r.raw_value, r.state, r.received_at, %(late)s as late, r.value, r.quality, r.tests
from readings_as_of(%(channel_id)s, %(time)s - interval '1 microsecond', %(time)s, %(as_of)s) r
"""
BOOK: Final = """
select b.epoch, b.seq, (select min(a.seq) from v_event a where a.station = b.station and a.epoch = b.epoch
                        and a.time > %(time)s and a.seq >= b.seq)
from v_event b where b.station = %(station)s and b.time <= %(time)s order by b.time desc, b.seq desc limit 1
"""
ONLY_BOOK: Final = "select min(epoch) from v_ledger where station = %s and epoch <> '' having count(*) = 1"
IMPORT: Final = f"""
select {columns_of(ImportPlace)} from v_import where station = %s and started_at = %s
"""  # noqa: S608
FINDINGS: Final = """
select test, flag, "by", reason, at, score, words from reading_flag where channel_id = %s and time = %s order by flag_id
"""
REVIEWS: Final = f"""
select {columns_of(Act)} from v_review v where v.channel = %(channel)s and v.from_t <= %(time)s and v.to_t >= %(time)s
  and (exists (select from reading_flag f
               where f.channel_id = %(channel_id)s and f.time = %(time)s and f.review_id = v.review_id)
       or exists (select from correction k
                  where k.channel_id = %(channel_id)s and k.time = %(time)s and k.review_id = v.review_id))
order by v.review_id
"""  # noqa: S608
CORRECTED: Final = (
    "select review_id, value from correction where channel_id = %s and time = %s and review_id is not null"
)
CONFLICTS: Final = f"""
select {columns_of(OtherValue)} from v_conflict where channel = %s and time = %s order by received_at
"""  # noqa: S608
FORMULA: Final = """
select d.formula, d.options, e.key, c.channel from derived_channel d cross join jsonb_each_text(d.inputs) e
join channel c on c.channel_id = e.value::int4 where d.channel_id = %s order by e.key
"""
INPUT: Final = """
select count(value)::int, sum(small order by time) / nullif(count(small), 0)
from (select time, value, case when abs(value) < 1e100 then value end as small from v_reading
      where channel = %s and time > %s and time <= %s and quality <= 3) r
"""
"""The mean is a sum by a count: `avg` squares, and a square of 1e200 is none."""
BUCKETS: Final = """
select 'hourly', channel, time, time, value, count from v_hourly where channel = %(channel)s and time = %(hour)s
union all
select 'daily', channel, time, time, value, count from v_daily where channel = %(channel)s and time = %(day)s
"""
MADE_OF_IT: Final = """
select d.formula, c.channel from derived_channel d join channel c using (channel_id)
where exists (select from jsonb_each_text(d.inputs) e where e.value::int4 = %s) order by c.channel
"""
MADE: Final = """
select min(time), max(time), (array_agg(value order by time))[1] from v_reading
where channel = %s and time >= %s and time <= %s having count(*) > 0
"""
STAGE: Final = f"select {columns_of(StagedDay)} from v_stage where channel = %s and time = %s"  # noqa: S608


def trace(conn: Connection, channel: str, time: datetime | None, as_of: datetime | None = None) -> Trace:
    """Return what is on record of the reading whose slot holds a time, times being the ends of slots; None: the newest.

    `as_of` adds what was shown of it at an earlier moment. Raises NothingToTrace.
    """
    with conn.transaction():
        conn.execute("set transaction isolation level repeatable read, read only")
        found = rows_of(conn, TracedChannel, CHANNEL, [channel])
        if not found:
            raise NothingToTrace("there is no channel {channel}", channel=channel)
        of = found[0]
        reading = _reading(conn, of, time)
        key = {"channel_id": of.channel_id, "channel": channel, "station": of.station, "time": reading.time}
        calendar = Calendar(time_zone(conn))
        day = calendar.day_start(reading.time)
        then = [] if as_of is None or of.derived else rows_of(
            conn, ShownReading, AS_OF, {**key, "as_of": as_of, "late": reading.late}
        )  # fmt: skip
        imported = rows_of(conn, ImportPlace, IMPORT, [of.station, reading.received_at])
        return Trace(
            channel=of,
            reading=reading,
            as_of=next(iter(then), None),
            book=None if imported or of.derived else _book(conn, key),
            imported=next(iter(imported), None),
            findings=list(_findings(conn, of, reading)),
            reviews=rows_of(conn, Act, REVIEWS, key),
            corrected=dict(conn.execute(CORRECTED, [of.channel_id, reading.time]).fetchall()),
            conflicts=rows_of(conn, OtherValue, CONFLICTS, [channel, reading.time]),
            formula=_formula(conn, of, reading.time, calendar) if of.derived else None,
            uses=list(_uses(conn, of, reading.time, calendar)),
            stage=next(iter(rows_of(conn, StagedDay, STAGE, [channel, day])), None),
        )


def _reading(conn: Connection, of: TracedChannel, time: datetime | None) -> ShownReading:
    if time is None:
        newest = conn.execute(NEWEST, [of.channel]).fetchone()
        if newest is None:
            raise NothingToTrace("{channel} has no reading yet", channel=of.channel)
        (time,) = newest
    keys = {"channel": of.channel, "time": time, "until": time + timedelta(seconds=of.interval_s)}
    found = rows_of(conn, ShownReading, READING, keys)
    if found:
        return found[0]
    around = {**keys, "low": time - NEAR, "high": time + NEAR}
    before, after = conn.execute(NEAREST, around).fetchone() or (None, None)
    if before is None and after is None:
        raise NothingToTrace("{channel} has no reading within a month of {time}", channel=of.channel, time=time)
    nearest = min((at for at in (before, after) if at is not None), key=lambda at: abs(at - time))
    raise NothingToTrace(
        "{channel} has no reading of {time}; the nearest one is of {nearest}",
        channel=of.channel, time=time, nearest=nearest,
    )  # fmt: skip


def _book(conn: Connection, key: Mapping[str, Any]) -> BookPlace | None:
    """Return where its message stands: readings keep no seq, but the events of a station do, in order of their time."""
    found = conn.execute(BOOK, key).fetchone()
    if found is not None:
        return BookPlace(*found)
    only = conn.execute(ONLY_BOOK, [key["station"]]).fetchone()
    return None if only is None else BookPlace(only[0], 0, None)


def _findings(conn: Connection, of: TracedChannel, reading: ShownReading) -> Iterator[TracedFinding]:
    """Yield what each test said: those of ingest, those with a history that found nothing, then what is on record."""
    said = reading.tests.strip("{}").split(",")
    rows = [TracedFinding(*row) for row in conn.execute(FINDINGS, [of.channel_id, reading.time])]
    for test, quality in QUALITY_OF_TEST.items():
        yield TracedFinding(test.word, int(quality) if test.word in said else None, "ingest", None, None)
    recorded = {row.test for row in rows}
    for name in of.history_tests if reading.quality != Quality.NOT_EVALUATED else ():
        if name not in recorded:
            yield TracedFinding(name, None, "quality", None, None)
    yield from rows


def _formula(conn: Connection, of: TracedChannel, time: datetime, calendar: Calendar) -> TracedFormula | None:
    rows = conn.execute(FORMULA, [of.channel_id]).fetchall()
    if not rows:
        return None  # its station declares it no longer
    formula = FORMULAS[rows[0][0]]
    after = window_begin(formula, time, calendar)
    inputs = []
    for _, _, name, channel in rows:
        count, value = conn.execute(INPUT, [channel, after, time]).fetchone() or (0, None)
        inputs.append(TracedInput(name, channel, after, time, count, value))
    return TracedFormula(formula.name, formula.source, rows[0][1], inputs)


def window_begin(formula: Formula, time: datetime, calendar: Calendar) -> datetime:
    """Return the beginning, exclusive, of the inputs that a value of a formula is made of. Pure."""
    match formula.basis:
        case Basis.MOMENT:
            return time - timedelta(microseconds=1)
        case Basis.DAY:
            return calendar.day_start(time)
    return time - formula.hours * HOUR


def labels_of(formula: Formula, time: datetime, calendar: Calendar) -> tuple[datetime, datetime]:
    """Return the times of the first and the last value that a reading goes into. Pure."""
    match formula.basis:
        case Basis.MOMENT:
            return time, time
        case Basis.DAY:
            return calendar.day_end(time), calendar.day_end(time)
    first = calendar.hour_end(time)
    return first, first + (formula.hours - 1) * HOUR


def _uses(conn: Connection, of: TracedChannel, time: datetime, calendar: Calendar) -> Iterator[TracedUse]:
    """Yield what was made of the reading; a derived channel of a derived one is traced from there."""
    buckets = {"channel": of.channel, "hour": calendar.hour_start(time), "day": calendar.day_start(time)}
    for row in conn.execute(BUCKETS, buckets):
        yield TracedUse(*row)
    for formula, channel in conn.execute(MADE_OF_IT, [of.channel_id]).fetchall():
        made = conn.execute(MADE, [channel, *labels_of(FORMULAS[formula], time, calendar)]).fetchone()
        if made is not None:
            first, last, value = made
            yield TracedUse(formula, channel, first, last, value, None)
