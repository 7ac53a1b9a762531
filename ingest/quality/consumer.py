"""A round of the consumer `quality`: changes in, findings and position out, in one transaction.

A finding depends on the readings alone, never on the order in which they came: what a late neighbour changes is judged
again, and a finding that no longer holds is withdrawn by a newer row (flag 1). So a repeated change adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.quality import flat, rate, spike
from ingest.quality.history import TESTS, HistoryTest, limits_of, reason
from ingest.quality.spike import GAP_INTERVALS
from ingest.quality.windows import JudgedWindow, Reach, still, widest, windows
from quantrac.database.feed import Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

NAME: Final = "quality"
"""The consumer's name, known to views and to those who follow it."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS_AT_ONCE: Final = 20
GROUPS: Final = ((spike.TEST, rate.TEST), (flat.TEST,))
"""Tests that look at the same readings, which are loaded once for them."""

TESTED = """
select channel_id, parameter, interval_s, history_tests, history_limits from channel
where channel_id = any(%s) and %s::text[] && history_tests
"""
READINGS = """
select w.nr, (extract(epoch from r.time) * 1000000)::int8, r.value, r.state
from unnest(%s::int4[], %s::int4[], %s::timestamptz[], %s::timestamptz[]) as w(nr, channel_id, low, high)
join reading r on r.channel_id = w.channel_id and r.time between w.low and w.high
where r.time between %s and %s
order by w.nr, r.time
"""
FLAGS = """
select distinct on (w.nr, f.test, f.time) w.nr, f.test, (extract(epoch from f.time) * 1000000)::int8, f.flag
from unnest(%s::int4[], %s::int4[], %s::timestamptz[], %s::timestamptz[]) as w(nr, channel_id, low, high)
join reading_flag f on f.channel_id = w.channel_id and f.time between w.low and w.high
where f.test = any(%s)
order by w.nr, f.test, f.time, f.flag_id desc
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
    """A test of a channel."""

    test: HistoryTest
    limit: float
    interval_s: float
    reach: Reach


class TestedReadings(NamedTuple):
    """Readings of a window, ascending."""

    time_us: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    state: npt.NDArray[np.int16]

    @classmethod
    def of(cls, rows: Sequence[tuple[int, float | None, int]]) -> TestedReadings:
        """Return rows as columns; NaN where there is no value."""
        time_us, value, state = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(np.array(time_us, np.int64), np.array(value, np.float64), np.array(state, np.int16))


class NewFlag(NamedTuple):
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
                Change(0, station, (channel_id,), low, high, 0, Cause.READING, at) for station, channel_id in channels
            ]
            found = list(findings(conn, whole))
            add(conn, found, at)
            append_changes(conn, _announced(found))


def findings(conn: Connection, changes: Sequence[Change]) -> Iterator[NewFlag]:
    """Return what has to be added so that the findings fit the readings as they stand now."""
    stations = {channel_id: change.station for change in changes for channel_id in change.channels}
    for group in GROUPS:
        tested = _tested(conn, group, stations)
        every = windows(
            changes, {channel_id: widest(each.reach for each in found) for channel_id, found in tested.items()}
        )
        for at in range(0, len(every), WINDOWS_AT_ONCE):
            some = every[at : at + WINDOWS_AT_ONCE]
            if flat.TEST in group:
                some = still(conn, some, {channel_id: found[0].limit for channel_id, found in tested.items()})
            for window, rows, standing in _loaded(conn, group, some):
                for each in tested[window.channel_id]:
                    name = each.test.name
                    for time, flag, why in _compare(each, window, rows, standing.get(name, {})):
                        yield NewFlag(stations[window.channel_id], name, window.channel_id, time, flag, why)


def add(conn: Connection, found: Sequence[NewFlag], now: datetime) -> None:
    """Add findings to the flags."""
    if found:
        _, tests, channels, times, flags, reasons = zip(*found, strict=True)
        columns = [list(tests), list(channels), list(times), [int(flag) for flag in flags], list(reasons)]
        conn.execute(ADD, [NAME, now, *columns])


def _tested(conn: Connection, group: Sequence[str], channels: Iterable[int]) -> dict[int, list[Tested]]:
    found: dict[int, list[Tested]] = {}
    for channel_id, parameter, interval_s, names, own in conn.execute(TESTED, [list(channels), list(group)]):
        limits = limits_of(parameter, own)
        for test in (TESTS[name] for name in group if name in names and name in limits):
            reach = test.reach(limits[test.name], timedelta(seconds=interval_s * GAP_INTERVALS))
            found.setdefault(channel_id, []).append(Tested(test, limits[test.name], interval_s, reach))
    return found


def _loaded(
    conn: Connection, group: Sequence[str], some: Sequence[JudgedWindow]
) -> Iterator[tuple[JudgedWindow, TestedReadings, dict[str, dict[int, int]]]]:
    """Yield each window with its readings, and the findings that stand, by test and time."""
    if some:
        readings, flags = _readings(conn, some), _flags(conn, group, some)
        for number, window in enumerate(some):
            yield window, TestedReadings.of(readings.get(number, [])), flags.get(number, {})


def _bounds(some: Sequence[JudgedWindow], low: Sequence[datetime], high: Sequence[datetime]) -> list[Any]:
    return [list(range(len(some))), [window.channel_id for window in some], list(low), list(high)]


def _readings(conn: Connection, some: Sequence[JudgedWindow]) -> dict[int, list[tuple[int, float | None, int]]]:
    low, high = [window.load_from for window in some], [window.load_to for window in some]
    found: dict[int, list[tuple[int, float | None, int]]] = {}
    for number, time_us, value, state in conn.execute(READINGS, [*_bounds(some, low, high), min(low), max(high)]):
        found.setdefault(number, []).append((time_us, value, state))
    return found


def _flags(
    conn: Connection, group: Sequence[str], some: Sequence[JudgedWindow]
) -> dict[int, dict[str, dict[int, int]]]:
    bounds = _bounds(some, [window.judge_from for window in some], [window.judge_to for window in some])
    found: dict[int, dict[str, dict[int, int]]] = {}
    for number, test, time_us, flag in conn.execute(FLAGS, [*bounds, list(group)]):
        found.setdefault(number, {}).setdefault(test, {})[time_us] = flag
    return found


def _compare(
    tested: Tested, window: JudgedWindow, rows: TestedReadings, standing: dict[int, int]
) -> Iterator[tuple[datetime, Quality, str]]:
    """Yield where the verdicts differ from what stands: time, flag and reason."""
    verdict = tested.test.judge(rows.time_us, rows.value, rows.state, tested.limit, tested.interval_s)
    places = {int(rows.time_us[at]): int(at) for at in np.flatnonzero(verdict >= Quality.SUSPECT)}
    for each in sorted(places.keys() | standing.keys()):
        time = EPOCH + timedelta(microseconds=each)
        flag = Quality(int(verdict[places[each]])) if each in places else Quality.GOOD
        if window.judge_from <= time <= window.judge_to and flag != standing.get(each, Quality.GOOD):
            value = float(rows.value[places[each]]) if each in places else None
            yield time, flag, reason(tested.test, flag, value, tested.limit)


def _announced(found: Sequence[NewFlag]) -> Iterator[NewChange]:
    by_channel: dict[tuple[int, str], list[datetime]] = {}
    for finding in found:
        by_channel.setdefault((finding.channel_id, finding.station), []).append(finding.time)
    for (channel_id, station), times in sorted(by_channel.items()):
        yield NewChange(station, channel_id, min(times), max(times), len(times), Cause.FLAG)
