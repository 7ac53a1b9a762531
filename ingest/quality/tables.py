"""The SQL of quality: channels with their tests, readings of windows as columns, the flags that stand and new ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import moment
from ingest.quality import flat
from ingest.quality.history import TESTS, limits_of
from ingest.quality.readings import Floats, TestedReadings
from ingest.quality.spike import GAP_INTERVALS
from ingest.quality.windows import JudgedWindows, Reach, Times, widest
from quantrac.database.columns import array, array_of_times, read_columns
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

TESTED: Final = """
select channel_id, station, parameter, interval_s, history_tests, history_limits from channel
where channel_id = any(%s) and history_tests <> '{}'
"""
READINGS: Final = """
select w.nr::int4 - 1 as series, r.time as time_us, coalesce(r.value, 'NaN') as value, r.state
from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[])
       with ordinality as w(channel_id, low, high, nr)
join reading r on r.channel_id = w.channel_id and r.time between w.low and w.high
where r.time between %(first)s and %(last)s
order by w.nr, r.time
"""
COLUMNS: Final = {"series": "int4", "time_us": "timestamptz", "value": "float8", "state": "int2"}
FLAGS: Final = """
select distinct on (w.nr, f.test, f.time) w.nr::int4 - 1, (extract(epoch from f.time) * 1000000)::int8, f.test, f.flag
from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[])
       with ordinality as w(channel_id, low, high, nr)
join reading_flag f on f.channel_id = w.channel_id and f.time between w.low and w.high
where f.test = any(%(tests)s)
order by w.nr, f.test, f.time, f.flag_id desc
"""
NEWEST: Final = """
select coalesce(l.time, 'infinity') as newest from unnest(%(channel_id)s::int4[]) with ordinality as w(channel_id, nr)
left join latest l using (channel_id) order by nr
"""
ADD: Final = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at)
select channel_id, time, test, flag, %s, reason, %s
from unnest(%s::text[], %s::int4[], %s::timestamptz[], %s::int2[], %s::text[])
     as f(test, channel_id, time, flag, reason)
"""


@dataclass(frozen=True, slots=True)
class TestedChannel:
    """A channel that has tests."""

    __test__ = False  # it is no test of pytest's

    station: str
    interval_s: float
    limits: dict[str, float]
    """By test."""
    near: Reach | None
    """How far verdicts look that compare neighbours; None: it has no such test."""
    line: Reach | None
    """How far the verdict on flat lines looks."""

    @classmethod
    def of(cls, station: str, interval_s: float, limits: Mapping[str, float]) -> TestedChannel:
        """Return a channel with its tests."""
        gap = round(interval_s * GAP_INTERVALS * 1e6)
        reaches = {name: TESTS[name].reach(limit, gap) for name, limit in limits.items()}
        line = reaches.pop(flat.TEST, None)
        return cls(station, interval_s, {**limits}, widest(reaches.values()) if reaches else None, line)


class TestedChannels:
    """The channels that have tests, as they were last read.

    Read again when another configuration was applied, and by a new connection: before it another worker may have
    served, and have taken the change that says so.
    """

    __test__ = False

    def __init__(self) -> None:
        self._known: dict[int, TestedChannel | None] = {}
        self._conn: Connection | None = None

    def of(self, conn: Connection, changes: Sequence[Change]) -> dict[int, TestedChannel]:
        """Return those of the changed channels that have tests, by id."""
        if conn is not self._conn or any(change.cause is Cause.CONFIGURATION for change in changes):
            self._conn = conn
            self._known.clear()
        wanted = {channel_id for change in changes for channel_id in change.channels}
        if new := wanted - self._known.keys():
            self._known |= dict.fromkeys(new) | _tested(conn, new)
        return {channel_id: known for channel_id in wanted if (known := self._known[channel_id]) is not None}


def _tested(conn: Connection, channels: Collection[int]) -> dict[int, TestedChannel]:
    found = {}
    for channel_id, station, parameter, interval_s, names, own in conn.execute(TESTED, [list(channels)]):
        limits = {name: limit for name, limit in limits_of(parameter, own).items() if name in names}
        found[channel_id] = TestedChannel.of(station, interval_s, limits)
    return found


@dataclass(frozen=True, slots=True)
class LoadedBlock:
    """Windows with all that their verdicts need."""

    windows: JudgedWindows
    channels: Sequence[TestedChannel]
    """Of each window."""
    readings: TestedReadings
    """A series is a window."""
    standing: dict[str, dict[tuple[int, int], int]]
    """By test the flags that stand, by number of the window and time (microseconds since 1970)."""

    def limits(self, test: str) -> Floats:
        """Return the limit of each window's channel; NaN where it does not have the test."""
        return np.array([channel.limits.get(test, np.nan) for channel in self.channels])

    def intervals(self) -> Floats:
        """Return the interval of each window's channel, seconds."""
        return np.array([channel.interval_s for channel in self.channels])


class NewFlag(NamedTuple):
    """A row to add."""

    station: str
    test: str
    channel_id: int
    time: datetime
    flag: Quality
    reason: str


def load(
    conn: Connection, some: JudgedWindows, channels: Mapping[int, TestedChannel], tests: Iterable[str]
) -> LoadedBlock:
    """Return windows with their readings, and the flags of these tests that stand in them."""
    ends = {"first": moment(int(some.load_from.min())), "last": moment(int(some.load_to.max()))}
    loaded = read_columns(conn, READINGS, _windows(some, some.load_from, some.load_to) | ends, COLUMNS)
    standing: dict[str, dict[tuple[int, int], int]] = {test: {} for test in tests}
    judged = _windows(some, some.judge_from, some.judge_to) | {"tests": list(standing)}
    for number, time_us, test, flag in conn.execute(FLAGS, judged):
        standing[test][number, time_us] = flag
    return LoadedBlock(some, [channels[each] for each in some.channel_id.tolist()], TestedReadings(**loaded), standing)


def newest_us(conn: Connection, channel_id: npt.NDArray[np.int32]) -> Times:
    """Return the time of the newest reading of each channel, microseconds since 1970; far ahead where nobody knows."""
    return read_columns(conn, NEWEST, {"channel_id": array(channel_id)}, {"newest": "timestamptz"})["newest"]


def add(conn: Connection, by: str, found: Sequence[NewFlag], now: datetime) -> None:
    """Add findings to the flags."""
    if found:
        _, tests, channels, times, flags, reasons = zip(*found, strict=True)
        columns = [list(tests), list(channels), list(times), [int(flag) for flag in flags], list(reasons)]
        conn.execute(ADD, [by, now, *columns])


def _windows(some: JudgedWindows, low: Times, high: Times) -> dict[str, object]:
    return {"channel_id": array(some.channel_id), "low": array_of_times(low), "high": array_of_times(high)}
