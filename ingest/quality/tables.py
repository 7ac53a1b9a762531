"""The SQL of quality: channels with their tests, readings of windows as columns, the flags that stand and new ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.quality.history import TESTS, limits_of
from ingest.quality.readings import TestedReadings
from ingest.quality.spike import GAP_INTERVALS
from ingest.quality.windows import JudgedWindow, Reach
from quantrac.database.columns import read_columns
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

TESTED: Final = """
select channel_id, station, parameter, interval_s, history_tests, history_limits from channel
where channel_id = any(%s) and history_tests <> '{}'
"""
READINGS: Final = """
select w.nr, (extract(epoch from r.time) * 1000000)::int8, coalesce(r.value, 'NaN'), r.state
from unnest(%s::int4[], %s::int4[], %s::timestamptz[], %s::timestamptz[]) as w(nr, channel_id, low, high)
join reading r on r.channel_id = w.channel_id and r.time between w.low and w.high
where r.time between %s and %s
order by w.nr, r.time
"""
COLUMNS: Final = {"series": "int4", "time_us": "int8", "value": "float8", "state": "int2"}
FLAGS: Final = """
select distinct on (w.nr, f.test, f.time) w.nr, (extract(epoch from f.time) * 1000000)::int8, f.test, f.flag
from unnest(%s::int4[], %s::int4[], %s::timestamptz[], %s::timestamptz[]) as w(nr, channel_id, low, high)
join reading_flag f on f.channel_id = w.channel_id and f.time between w.low and w.high
where f.test = any(%s)
order by w.nr, f.test, f.time, f.flag_id desc
"""
NEWEST: Final = """
select channel_id, (extract(epoch from time) * 1000000)::int8 from latest where channel_id = any(%s)
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

    def reach(self, test: str) -> Reach:
        """Return how far the verdicts of one of its tests look."""
        return TESTS[test].reach(self.limits[test], timedelta(seconds=self.interval_s * GAP_INTERVALS))


@dataclass(frozen=True, slots=True)
class LoadedBlock:
    """Windows with all that their verdicts need."""

    windows: Sequence[JudgedWindow]
    channels: Sequence[TestedChannel]
    """Of each window."""
    readings: TestedReadings
    """A series is a window."""
    standing: dict[str, dict[tuple[int, int], int]]
    """By test the flags that stand, by number of the window and time (microseconds since 1970)."""

    def limits(self, test: str) -> npt.NDArray[np.float64]:
        """Return the limit of each window's channel; NaN where it does not have the test."""
        return np.array([channel.limits.get(test, np.nan) for channel in self.channels])

    def intervals(self) -> npt.NDArray[np.float64]:
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


def tested_channels(conn: Connection, channels: Collection[int]) -> dict[int, TestedChannel]:
    """Return those of the channels that have tests, by id."""
    found = {}
    for channel_id, station, parameter, interval_s, names, own in conn.execute(TESTED, [list(channels)]):
        limits = {name: limit for name, limit in limits_of(parameter, own).items() if name in names}
        found[channel_id] = TestedChannel(station, interval_s, limits)
    return found


def load(
    conn: Connection, some: Sequence[JudgedWindow], channels: Mapping[int, TestedChannel], tests: Iterable[str]
) -> LoadedBlock:
    """Return windows with their readings, and the flags of these tests that stand in them."""
    low, high = [window.load_from for window in some], [window.load_to for window in some]
    bounds = [min(low), max(high)]
    readings = TestedReadings(**read_columns(conn, READINGS, [*_windows(some, low, high), *bounds], COLUMNS))
    low, high = [window.judge_from for window in some], [window.judge_to for window in some]
    standing: dict[str, dict[tuple[int, int], int]] = {test: {} for test in tests}
    for number, time_us, test, flag in conn.execute(FLAGS, [*_windows(some, low, high), list(standing)]):
        standing[test][number, time_us] = flag
    return LoadedBlock(some, [channels[window.channel_id] for window in some], readings, standing)


def newest_us(conn: Connection, channels: Iterable[int]) -> dict[int, int]:
    """Return the time of the newest reading of each channel, microseconds since 1970."""
    return dict(conn.execute(NEWEST, [list(channels)]).fetchall())


def add(conn: Connection, by: str, found: Sequence[NewFlag], now: datetime) -> None:
    """Add findings to the flags."""
    if found:
        _, tests, channels, times, flags, reasons = zip(*found, strict=True)
        columns = [list(tests), list(channels), list(times), [int(flag) for flag in flags], list(reasons)]
        conn.execute(ADD, [by, now, *columns])


def _windows(some: Sequence[JudgedWindow], low: list[datetime], high: list[datetime]) -> list[object]:
    return [list(range(len(some))), [window.channel_id for window in some], low, high]
