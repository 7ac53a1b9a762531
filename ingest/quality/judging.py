"""One round of the consumer `quality`: changes in, findings and position out, in one transaction.

A finding depends on the readings alone, never on the order in which they came: what a late neighbour changes is judged
again, and a finding that no longer holds is withdrawn by a newer row (flag 1). So a repeated change adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np

from ingest.quality.spike import GAP_INTERVALS, TEST, Thresholds, spikes, thresholds
from ingest.quality.windows import Window, windows
from quantrac.database.feed import Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

NAME: Final = "quality"
"""The consumer's name, known to views and to those who follow it."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS_AT_ONCE: Final = 20

TESTED = """
select channel_id, station, parameter, interval_s from channel where channel_id = any(%s) and %s = any(history_tests)
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
select channel_id, time, %s, flag, %s, reason, %s
from unnest(%s::int4[], %s::timestamptz[], %s::int2[], %s::text[]) as f(channel_id, time, flag, reason)
"""


class Tested(NamedTuple):
    """A channel that has the test."""

    station: str
    limits: Thresholds
    gap: timedelta


class Finding(NamedTuple):
    """A row to add."""

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
            append_changes(conn, _announced(conn, found))
    return changes


def judge_everything(conn: Connection, clock: Callable[[], datetime]) -> None:
    """Judge all readings, a week in a transaction: what a consumer does that the feed does not know (any more)."""
    channels = conn.execute("select station, channel_id from channel where %s = any(history_tests)", [TEST]).fetchall()
    for low, high in conn.execute(KEPT).fetchall():
        with conn.transaction():
            at = clock()
            whole = [
                Change(0, station, channel_id, low, high, 0, Cause.READING, at) for station, channel_id in channels
            ]
            found = list(findings(conn, whole))
            add(conn, found, at)
            append_changes(conn, _announced(conn, found))


def findings(conn: Connection, changes: Sequence[Change]) -> Iterator[Finding]:
    """Return what has to be added so that the findings fit the readings as they stand now."""
    tested = _tested(conn, {change.channel_id for change in changes if change.channel_id is not None})
    every = windows(changes, {channel_id: each.gap for channel_id, each in tested.items()})
    for at in range(0, len(every), WINDOWS_AT_ONCE):
        some = every[at : at + WINDOWS_AT_ONCE]
        readings, flags = _readings(conn, some), _flags(conn, some)
        for number, window in enumerate(some):
            yield from _compare(window, tested[window.channel_id], readings.get(number, []), flags.get(number, {}))


def add(conn: Connection, found: Sequence[Finding], now: datetime) -> None:
    """Add findings to the flags."""
    if found:
        channels, times, flags, reasons = zip(*found, strict=True)
        conn.execute(ADD, [TEST, NAME, now, list(channels), list(times), [int(flag) for flag in flags], list(reasons)])


def _tested(conn: Connection, channels: set[int]) -> dict[int, Tested]:
    return {
        channel_id: Tested(station, thresholds(parameter), timedelta(seconds=interval_s * GAP_INTERVALS))
        for channel_id, station, parameter, interval_s in conn.execute(TESTED, [list(channels), TEST])
    }


def _bounds(some: Sequence[Window], low: Sequence[datetime], high: Sequence[datetime]) -> list[Any]:
    return [list(range(len(some))), [window.channel_id for window in some], list(low), list(high)]


def _readings(conn: Connection, some: Sequence[Window]) -> dict[int, list[tuple[int, float | None, int]]]:
    low, high = [window.load_from for window in some], [window.load_to for window in some]
    found: dict[int, list[tuple[int, float | None, int]]] = {}
    for number, time_us, value, state in conn.execute(READINGS, [*_bounds(some, low, high), min(low), max(high)]):
        found.setdefault(number, []).append((time_us, value, state))
    return found


def _flags(conn: Connection, some: Sequence[Window]) -> dict[int, dict[int, int]]:
    bounds = _bounds(some, [window.judge_from for window in some], [window.judge_to for window in some])
    found: dict[int, dict[int, int]] = {}
    for number, time_us, flag in conn.execute(FLAGS, [*bounds, TEST]):
        found.setdefault(number, {})[time_us] = flag
    return found


def _compare(
    window: Window, tested: Tested, rows: Sequence[tuple[int, float | None, int]], standing: dict[int, int]
) -> Iterator[Finding]:
    time_us = np.array([row[0] for row in rows], np.int64)
    value = np.array([row[1] for row in rows], np.float64)
    state = np.array([row[2] for row in rows], np.int16)
    verdict = spikes(time_us, value, state, tested.limits, tested.gap // timedelta(microseconds=1))
    found = {int(time_us[at]): Quality(int(verdict[at])) for at in np.flatnonzero(verdict >= Quality.SUSPECT)}
    values = {row[0]: row[1] for row in rows}
    for each in sorted(found.keys() | standing.keys()):
        time = EPOCH + timedelta(microseconds=each)
        flag = found.get(each, Quality.GOOD)
        if window.judge_from <= time <= window.judge_to and flag != standing.get(each, Quality.GOOD):
            yield Finding(window.channel_id, time, flag, _reason(flag, values.get(each), tested.limits))


def _reason(flag: Quality, value: float | None, limits: Thresholds) -> str:
    if flag is Quality.GOOD:
        return "withdrawn: with the readings that came later it is no spike"
    limit = limits.fail if flag is Quality.FAIL else limits.suspect
    return f"{value:g} stands off from the mean of its neighbours by more than {limit:g}"


def _announced(conn: Connection, found: Sequence[Finding]) -> Iterator[NewChange]:
    by_channel: dict[int, list[datetime]] = {}
    for finding in found:
        by_channel.setdefault(finding.channel_id, []).append(finding.time)
    tested = _tested(conn, set(by_channel))
    for channel_id, times in sorted(by_channel.items()):
        yield NewChange(tested[channel_id].station, channel_id, min(times), max(times), len(times), Cause.FLAG)
