"""The SQL of quality: channels with their tests, readings of windows as columns, the flags that stand and new ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.quality import flat
from ingest.quality.history import TESTS, limits_of
from ingest.quality.readings import Floats, TestedReadings
from ingest.quality.recent import RecentReadings
from ingest.quality.spike import GAP_INTERVALS
from ingest.quality.windows import JudgedWindows, Reach, ReachColumns, Times, widest
from ingest.stored_readings import read_windows
from quantrac.database.columns import packed, read_columns
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.quality.accuracy import resting_up_to
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words

TESTED: Final = """
select channel_id, station, parameter, interval_s, history_tests, history_limits, resolution from channel
where channel_id = any(%s) and history_tests <> '{}'
"""
READING: Final = ("coalesce(r.value, 'NaN') as value, r.state", "reading")
COLUMNS: Final = {"value": "float8", "state": "int2"}
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
insert into reading_flag (channel_id, time, test, flag, score, words, "by", at)
select channel_id, time, test, flag, case when score > 1e30 then 1e30 else score end,
       jsonb_build_object('vi', vi, 'en', en), %s, %s
from unnest(%s::text[], %s::int4[], %s::timestamptz[], %s::int2[], %s::float8[], %s::text[], %s::text[])
     as f(test, channel_id, time, flag, score, vi, en)
"""
"""A score has four bytes, which hold no 1e300: what an instrument sends whose bytes are read in a wrong order."""


FORGETS: Final = (Cause.CONFIGURATION, Cause.WITHDRAWN)
"""Causes after which what is remembered of channels and readings may be wrong."""


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
    resting: float
    """Values up to this may stay the same for days."""

    @classmethod
    def of(cls, station: str, interval_s: float, limits: Mapping[str, float], resting: float) -> TestedChannel:
        """Return a channel with its tests."""
        gap = round(interval_s * GAP_INTERVALS * 1e6)
        reaches = {name: TESTS[name].reach(limit, gap) for name, limit in limits.items()}
        line = reaches.pop(flat.TEST, None)
        return cls(station, interval_s, {**limits}, widest(reaches.values()) if reaches else None, line, resting)


@dataclass(frozen=True, slots=True)
class TestedColumns:
    """Channels that have tests, in columns by channel."""

    __test__ = False

    channels: Mapping[int, TestedChannel]
    channel_id: npt.NDArray[np.int32]
    interval_s: Floats
    limits: Mapping[str, Floats]
    """By test; NaN where a channel does not have it."""
    near: ReachColumns
    line: ReachColumns

    def limits_of(self, test: str, channel_id: npt.NDArray[np.int32]) -> Floats:
        """Return the limit of each channel; NaN where it does not have the test."""
        return self.limits[test][np.searchsorted(self.channel_id, channel_id)]

    def intervals_of(self, channel_id: npt.NDArray[np.int32]) -> Floats:
        """Return the interval of each channel, seconds."""
        return self.interval_s[np.searchsorted(self.channel_id, channel_id)]

    @classmethod
    def of(cls, channels: Mapping[int, TestedChannel]) -> TestedColumns:
        """Return channels in columns."""
        known = sorted(channels)
        return cls(
            channels,
            np.array(known, np.int32),
            np.array([channels[each].interval_s for each in known], np.float64),
            {name: np.array([channels[each].limits.get(name, np.nan) for each in known]) for name in TESTS},
            ReachColumns.of({each: channel.near for each, channel in channels.items() if channel.near is not None}),
            ReachColumns.of({each: channel.line for each, channel in channels.items() if channel.line is not None}),
        )


class TestedChannels:
    """The channels that have tests, as they were last read.

    Read again when another configuration was applied or readings were taken back, and by a new connection: before it
    another worker may have served, and have taken the change that says so.
    """

    __test__ = False

    def __init__(self, only: Collection[str] | None = None) -> None:
        """`only`: names of the tests to run; None: all."""
        self._only = only
        self.recent = RecentReadings.none()
        self._asked: set[int] = set()
        self._known = TestedColumns.of({})
        self._conn: Connection | None = None

    def of(self, conn: Connection, changes: Sequence[Change]) -> TestedColumns:
        """Return the channels with tests among those changed now or in an earlier round."""
        if conn is not self._conn or any(change.cause in FORGETS for change in changes):
            self._conn = conn
            self.recent, self._asked, self._known = RecentReadings.none(), set(), TestedColumns.of({})
        wanted = {channel_id for change in changes for channel_id in change.channels}
        if new := wanted - self._asked:
            self._known = TestedColumns.of({**self._known.channels, **_tested(conn, new, self._only)})
            self._asked |= new
        return self._known


def _tested(conn: Connection, channels: Collection[int], only: Collection[str] | None) -> dict[int, TestedChannel]:
    found = {}
    for channel_id, station, parameter, interval_s, names, own, resolution in conn.execute(TESTED, [list(channels)]):
        wanted = names if only is None else set(names) & set(only)
        limits = {name: limit for name, limit in limits_of(parameter, own).items() if name in wanted}
        found[channel_id] = TestedChannel.of(station, interval_s, limits, resting_up_to(parameter, resolution))
    return found


@dataclass(frozen=True, slots=True)
class LoadedBlock:
    """Windows of channels with all that their verdicts need."""

    windows: JudgedWindows
    readings: TestedReadings
    """A series is a window."""
    standing: dict[str, dict[tuple[int, int], int]]
    """By test the flags that stand, by number of the window and time (microseconds since 1970)."""
    newest_us: Times
    """Of each window's channel the newest reading that may have been judged, or earlier; far ahead if nobody knows."""


class NewFlag(NamedTuple):
    """A row to add."""

    station: str
    test: str
    channel_id: int
    time: datetime
    flag: Quality
    score: float | None
    """How far the evidence goes; None: withdrawn."""
    words: Words


def load(conn: Connection, some: JudgedWindows, tests: Iterable[str], recent: RecentReadings) -> LoadedBlock:
    """Return windows with their readings, of which `recent` are here, and the flags of these tests that stand."""
    here, low, served = recent.of(some)
    found = read_windows(conn, READING, (some.channel_id, low, some.load_to), COLUMNS)
    readings = here.beside(TestedReadings(found.pop("place").astype(np.int32), **found))
    standing: dict[str, dict[tuple[int, int], int]] = {test: {} for test in tests}
    judged = {
        "channel_id": packed(some.channel_id, "int4"),
        "low": packed(some.judge_from, "timestamptz"),
        "high": packed(some.judge_to, "timestamptz"),
        "tests": list(standing),
    }
    for number, time_us, test, flag in conn.execute(FLAGS, judged):
        standing[test][number, time_us] = flag
    newest = some.judge_from.copy()
    newest[~served] = _newest_us(conn, some.channel_id[~served])
    return LoadedBlock(some, readings, standing, newest)


def _newest_us(conn: Connection, channel_id: npt.NDArray[np.int32]) -> Times:
    """Return the time of the newest reading of each channel, microseconds since 1970; far ahead where nobody knows."""
    if not len(channel_id):
        return np.zeros(0, np.int64)
    return read_columns(conn, NEWEST, {"channel_id": packed(channel_id, "int4")}, {"newest": "timestamptz"})["newest"]


def add(conn: Connection, by: str, found: Sequence[NewFlag], now: datetime) -> None:
    """Add findings to the flags."""
    if found:
        _, tests, channels, times, flags, scores, words = zip(*found, strict=True)
        said = [[text.vi for text in words], [text.en for text in words]]
        columns = [list(tests), list(channels), list(times), [int(flag) for flag in flags], list(scores), *said]
        conn.execute(ADD, [by, now, *columns])
