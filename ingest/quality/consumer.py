"""A round of the consumer `quality`: changes in, findings and position out, in one transaction.

A finding depends on the readings alone, never on the order in which they came: what a late neighbour changes is judged
again, and a finding that no longer holds is withdrawn by a newer row (flag 1). So a repeated change adds nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from ingest.quality import flat, rate, spike
from ingest.quality.history import TESTS, reason
from ingest.quality.tables import LoadedBlock, NewFlag, TestedChannel, add, load, newest_us, tested_channels
from ingest.quality.windows import JudgedWindow, Reach, in_blocks, still, widest, windows
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

NAME: Final = "quality"
"""The consumer's name, known to views and to those who follow it."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NEAR: Final = (spike.TEST, rate.TEST)
"""Tests that look at neighbours only; the flat line looks back for hours."""

FAR_US: Final = 2**62

KEPT: Final = """
select range_start, range_end from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' order by range_start
"""


def round_of(conn: Connection, feed: Consumer, clock: Callable[[], datetime], most: int = MOST_CHANGES) -> list[Change]:
    """Judge what changed, add findings, move the position; return the changes taken (none: nothing to do)."""
    changes = feed.take(most)
    if changes:
        with conn.transaction():
            found = list(findings(conn, changes))
            add(conn, NAME, found, clock())
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
            add(conn, NAME, found, at)
            append_changes(conn, _announced(found))


def findings(conn: Connection, changes: Sequence[Change]) -> Iterator[NewFlag]:
    """Return what has to be added so that the findings fit the readings as they stand now."""
    channels = tested_channels(conn, {channel_id for change in changes for channel_id in change.channels})
    lines = windows(changes, _reaches(channels, [flat.TEST]))
    for some in in_blocks(windows(changes, _reaches(channels, NEAR))):
        block = load(conn, some, channels, TESTS)
        for test in NEAR:
            yield from _differences(block, test)
        moving = _moving(conn, block, lines)
        lines = [window for window in lines if window.channel_id not in moving]
    after_s = {window.channel_id: channels[window.channel_id].limits[flat.TEST] for window in lines}
    for some in in_blocks(still(conn, lines, after_s)):
        yield from _differences(load(conn, some, channels, [flat.TEST]), flat.TEST)


def _reaches(channels: dict[int, TestedChannel], tests: Iterable[str]) -> dict[int, Reach]:
    """Return how far the verdicts of these tests look, for the channels that have one of them."""
    found: dict[int, Reach] = {}
    for channel_id, channel in channels.items():
        if reaches := [channel.reach(test) for test in tests if test in channel.limits]:
            found[channel_id] = widest(reaches)
    return found


def _differences(block: LoadedBlock, name: str) -> Iterator[NewFlag]:
    """Yield where the verdicts of a test differ from the flags that stand."""
    test, limits, readings, standing = TESTS[name], block.limits(name), block.readings, block.standing[name]
    verdict = test.judge(readings, limits[readings.series], block.intervals()[readings.series])
    blamed = np.flatnonzero(verdict >= Quality.SUSPECT).tolist()
    places = {(int(readings.series[at]), int(readings.time_us[at])): at for at in blamed}
    for key in sorted(places.keys() | standing.keys()):
        window, channel, time = block.windows[key[0]], block.channels[key[0]], EPOCH + timedelta(microseconds=key[1])
        flag = Quality(int(verdict[places[key]])) if key in places else Quality.GOOD
        if name in channel.limits and window.judges(time) and flag != standing.get(key, Quality.GOOD):
            value = float(readings.value[places[key]]) if key in places else None
            why = reason(test, flag, value, channel.limits[name])
            yield NewFlag(channel.station, name, window.channel_id, time, flag, why)


def _moving(conn: Connection, block: LoadedBlock, lines: Sequence[JudgedWindow]) -> set[int]:
    """Return channels that have no flat line, as the neighbours show that are loaded already.

    Of a live network that is nearly every one. The others, among them those with a flag, are looked at by themselves.
    """
    several = Counter(window.channel_id for window in lines)
    since = {window.channel_id: window.judge_from for window in lines if several[window.channel_id] == 1}
    newest = newest_us(conn, since)
    flagged = {series for series, _ in block.standing[flat.TEST]}
    since_us = [_us(since.get(window.channel_id, window.judge_from)) for window in block.windows]
    moves = flat.moving(block.readings, np.array(since_us, np.int64), block.limits(flat.TEST))
    return {
        window.channel_id
        for series, window in enumerate(block.windows)
        if moves[series]
        and series not in flagged
        and window.channel_id in since
        and newest.get(window.channel_id, FAR_US) <= _us(window.judge_to)
    }


def _us(time: datetime) -> int:
    return (time - EPOCH) // timedelta(microseconds=1)


def _announced(found: Sequence[NewFlag]) -> Iterator[NewChange]:
    by_channel: dict[tuple[int, str], list[datetime]] = {}
    for finding in found:
        by_channel.setdefault((finding.channel_id, finding.station), []).append(finding.time)
    for (channel_id, station), times in sorted(by_channel.items()):
        yield NewChange(station, channel_id, min(times), max(times), len(times), Cause.FLAG)
