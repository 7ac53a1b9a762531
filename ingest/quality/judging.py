"""One round of the consumer `quality`: changes in, findings and position out, in one transaction.

A finding depends on the readings alone, never on the order in which they came: what a late neighbour changes is judged
again, and a finding that no longer holds is withdrawn by a newer row (flag 1). So a repeated change adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from ingest.quality import flat
from ingest.quality.history import TESTS, HistoryTest, limits_of, reason
from ingest.quality.spike import GAP_INTERVALS
from ingest.quality.stillness import still
from ingest.quality.windows import Reach, Window, windows
from quantrac.database.feed import Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

NAME: Final = "quality"
"""The consumer's name, known to views and to those who follow it."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS_AT_ONCE: Final = 20

TESTED = """
select channel_id, parameter, interval_s, history_limits from channel
where channel_id = any(%s) and %s = any(history_tests)
"""
READINGS = """
select w.nr, (extract(epoch from r.time) * 1000000)::int8, r.value, r.state
from unnest(%s::int4[], %s::int4[], %s::timestamptz[], %s::timestamptz[]) as w(nr, channel_id, low, high)
join reading r on r.channel_id = w.channel_id and r.time between w.low and w.high
where r.time between %s and %s
order by w.nr, r.time
"""
FLAGS = """
select distinct on (w.nr, f.time) w.nr, (extract(epoch from f.time) * 1000000)::int8, f.flag
from unnest(%s::int4[], %s::int4[], %s::timestamptz[], %s::timestamptz[]) as w(nr, channel_id, low, high)
join reading_flag f on f.channel_id = w.channel_id and f.time between w.low and w.high
where f.test = %s
order by w.nr, f.time, f.flag_id desc
"""
KEPT = """
select range_start, range_end from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' order by range_start
"""
ADD = """
insert into reading_flag (channel_id, time, test, flag, "by", reason, at)
select channel_id, time, test, flag, %s, reason, %s
from unnest(%s::text[], %s::int4[], %s::timestamptz[], %s::int2[], %s::text[])
     as f(test, channel_id, time, flag, reason)
"""


class Tested(NamedTuple):
    """A channel that has a test."""

    limit: float
    interval_s: float
    reach: Reach


class Finding(NamedTuple):
    """A row to add."""

    station: str
    test: str
    channel_id: int
    time: datetime
    flag: Quality
    reason: str


def round_of(conn: Connection, feed: Consumer, clock: Callable[[], datetime], most: int) -> list[Change]:
    """Judge what changed, add findings, move the position; return the changes taken (none: nothing to do)."""
    changes = feed.take(most)
    if changes:
        with conn.transaction():
            found = list(findings(conn, changes))
            add(conn, found, clock())
            feed.advance(changes[-1].id)
            append_changes(conn, _announced(found))
    return changes


def judge_everything(conn: Connection, clock: Callable[[], datetime]) -> None:
    """Judge all readings, a week in a transaction: what a consumer does that the feed does not know (any more)."""
    channels = conn.execute("select station, channel_id from channel where history_tests <> '{}'").fetchall()
    for low, high in conn.execute(KEPT).fetchall():
        with conn.transaction():
            at = clock()
            whole = [
                Change(0, station, channel_id, low, high, 0, Cause.READING, at) for station, channel_id in channels
            ]
            found = list(findings(conn, whole))
            add(conn, found, at)
            append_changes(conn, _announced(found))


def findings(conn: Connection, changes: Sequence[Change]) -> Iterator[Finding]:
    """Return what has to be added so that the findings fit the readings as they stand now."""
    stations = {change.channel_id: change.station for change in changes if change.channel_id is not None}
    for test in TESTS.values():
        tested = _tested(conn, test, stations)
        every = windows(changes, {channel_id: each.reach for channel_id, each in tested.items()})
        for at in range(0, len(every), WINDOWS_AT_ONCE):
            some = every[at : at + WINDOWS_AT_ONCE]
            if test.name == flat.TEST:
                some = still(conn, some, {channel_id: each.limit for channel_id, each in tested.items()})
            for window, rows, standing in _loaded(conn, test, some):
                for time, flag, why in _compare(test, window, tested[window.channel_id], rows, standing):
                    yield Finding(stations[window.channel_id], test.name, window.channel_id, time, flag, why)


def add(conn: Connection, found: Sequence[Finding], now: datetime) -> None:
    """Add findings to the flags."""
    if found:
        _, tests, channels, times, flags, reasons = zip(*found, strict=True)
        columns = [list(tests), list(channels), list(times), [int(flag) for flag in flags], list(reasons)]
        conn.execute(ADD, [NAME, now, *columns])


def _tested(conn: Connection, test: HistoryTest, channels: Iterable[int]) -> dict[int, Tested]:
    found: dict[int, Tested] = {}
    for channel_id, parameter, interval_s, own in conn.execute(TESTED, [list(channels), test.name]):
        limit = limits_of(parameter, own).get(test.name)
        if limit is not None:
            reach = test.reach(limit, timedelta(seconds=interval_s * GAP_INTERVALS))
            found[channel_id] = Tested(limit, interval_s, reach)
    return found


def _loaded(
    conn: Connection, test: HistoryTest, some: Sequence[Window]
) -> Iterator[tuple[Window, Sequence[tuple[int, float | None, int]], dict[int, int]]]:
    """Yield each window with its readings and the findings that stand."""
    if some:
        readings, flags = _readings(conn, some), _flags(conn, test, some)
        for number, window in enumerate(some):
            yield window, readings.get(number, []), flags.get(number, {})


def _bounds(some: Sequence[Window], low: Sequence[datetime], high: Sequence[datetime]) -> list[Any]:
    return [list(range(len(some))), [window.channel_id for window in some], list(low), list(high)]


def _readings(conn: Connection, some: Sequence[Window]) -> dict[int, list[tuple[int, float | None, int]]]:
    low, high = [window.load_from for window in some], [window.load_to for window in some]
    found: dict[int, list[tuple[int, float | None, int]]] = {}
    for number, time_us, value, state in conn.execute(READINGS, [*_bounds(some, low, high), min(low), max(high)]):
        found.setdefault(number, []).append((time_us, value, state))
    return found


def _flags(conn: Connection, test: HistoryTest, some: Sequence[Window]) -> dict[int, dict[int, int]]:
    bounds = _bounds(some, [window.judge_from for window in some], [window.judge_to for window in some])
    found: dict[int, dict[int, int]] = {}
    for number, time_us, flag in conn.execute(FLAGS, [*bounds, test.name]):
        found.setdefault(number, {})[time_us] = flag
    return found


def _compare(
    test: HistoryTest, window: Window, tested: Tested, rows: Sequence[tuple[int, float | None, int]],
    standing: dict[int, int],
) -> Iterator[tuple[datetime, Quality, str]]:  # fmt: skip
    """Yield where the verdicts differ from what stands: time, flag and reason."""
    time_us = np.array([row[0] for row in rows], np.int64)
    value = np.array([row[1] for row in rows], np.float64)
    state = np.array([row[2] for row in rows], np.int16)
    verdict = test.judge(time_us, value, state, tested.limit, tested.interval_s)
    found = {int(time_us[at]): Quality(int(verdict[at])) for at in np.flatnonzero(verdict >= Quality.SUSPECT)}
    values = {row[0]: row[1] for row in rows}
    for each in sorted(found.keys() | standing.keys()):
        time = EPOCH + timedelta(microseconds=each)
        flag = found.get(each, Quality.GOOD)
        if window.judge_from <= time <= window.judge_to and flag != standing.get(each, Quality.GOOD):
            yield time, flag, reason(test, flag, values.get(each), tested.limit)


def _announced(found: Sequence[Finding]) -> Iterator[NewChange]:
    by_channel: dict[tuple[int, str], list[datetime]] = {}
    for finding in found:
        by_channel.setdefault((finding.channel_id, finding.station), []).append(finding.time)
    for (channel_id, station), times in sorted(by_channel.items()):
        yield NewChange(station, channel_id, min(times), max(times), len(times), Cause.FLAG)
