"""A round of the consumer `quality`: changes in, findings and position out, in one transaction.

A finding depends on the readings alone, never on the order in which they came: what a late neighbour changes is judged
again, and a finding that no longer holds is withdrawn by a newer row (flag 1). So a repeated change adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import moment
from ingest.quality import flat, rate, spike
from ingest.quality.history import TESTS, words
from ingest.quality.recent import RecentReadings
from ingest.quality.tables import LoadedBlock, NewFlag, TestedChannels, add, load
from ingest.quality.windows import JudgedWindows, still, windows
from quantrac.database.feed import MOST_CHANGES, Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

NAME: Final = "quality"
"""The consumer's name, known to views and to those who follow it."""
CAUSES: Final = (Cause.READING, Cause.CONFIGURATION)
NEAR: Final = (spike.TEST, rate.TEST)
"""Tests that look at neighbours only; the flat line looks back for hours."""

NEVER_US: Final = -(2**62)

KEPT: Final = """
select range_start, range_end from timescaledb_information.chunks
where hypertable_schema = 'public' and hypertable_name = 'reading' order by range_start
"""


def round_of(
    conn: Connection,
    feed: Consumer,
    clock: Callable[[], datetime],
    most: int = MOST_CHANGES,
    tested: TestedChannels | None = None,
) -> list[Change]:
    """Judge what changed, add findings, move the position; return the changes taken (none: nothing to do).

    `tested` remembers the channels from round to round.
    """
    changes = feed.take(most)
    if changes:
        with conn.transaction():
            found = list(findings(conn, changes, tested or TestedChannels()))
            add(conn, NAME, found, clock())
            feed.advance(changes[-1].id)
            append_changes(conn, _announced(found))
    return changes


def judge_everything(conn: Connection, clock: Callable[[], datetime]) -> None:
    """Judge all readings, a week in a transaction: for a consumer that is new, or that the feed gave up."""
    channels = conn.execute("select station, channel_id from channel where history_tests <> '{}'").fetchall()
    for low, high in conn.execute(KEPT).fetchall():
        with conn.transaction():
            at = clock()
            whole = [
                Change(0, station, (channel_id,), low, high, 0, Cause.READING, at) for station, channel_id in channels
            ]
            found = list(findings(conn, whole, TestedChannels()))
            add(conn, NAME, found, at)
            append_changes(conn, _announced(found))


def findings(conn: Connection, changes: Sequence[Change], tested: TestedChannels) -> Iterator[NewFlag]:
    """Return what has to be added so that the findings fit the readings as they stand now."""
    channels = tested.of(conn, changes)
    lines = windows(changes, channels.line)
    for some in windows(changes, channels.near).in_blocks():
        block = load(conn, some, channels, TESTS, tested.recent)
        tested.recent = tested.recent.then(some, block.readings, block.newest_us)
        for test in NEAR:
            yield from _differences(block, test)
        lines = lines.pick(~np.isin(lines.channel_id, _moving(block, lines)))
    after_s = channels.limits[flat.TEST][np.searchsorted(channels.channel_id, lines.channel_id)]
    for some in still(conn, lines, after_s).in_blocks():
        yield from _differences(load(conn, some, channels, [flat.TEST], RecentReadings.none()), flat.TEST)


def _differences(block: LoadedBlock, name: str) -> Iterator[NewFlag]:
    """Yield where the verdicts of a test differ from the flags that stand."""
    test, limits, readings, standing = TESTS[name], block.limits(name), block.readings, block.standing[name]
    verdict = test.judge(readings, limits[readings.series], block.intervals()[readings.series])
    blamed = np.flatnonzero(verdict.flag >= Quality.SUSPECT).tolist()
    places = {(int(readings.series[at]), int(readings.time_us[at])): at for at in blamed}
    for key in sorted(places.keys() | standing.keys()):
        series, time_us = key
        judged = block.windows
        channel = block.tested.channels[int(judged.channel_id[series])]
        flag = Quality(int(verdict.flag[places[key]])) if key in places else Quality.GOOD
        is_judged = name in channel.limits and judged.judge_from[series] <= time_us <= judged.judge_to[series]
        if is_judged and flag != standing.get(key, Quality.GOOD):
            value, score = None, None
            if key in places:
                value, score = float(readings.value[places[key]]), float(verdict.score[places[key]])
            said = words(test, flag, value, channel.limits[name])
            yield NewFlag(channel.station, name, int(judged.channel_id[series]), moment(time_us), flag, score, said)


def _moving(block: LoadedBlock, lines: JudgedWindows) -> npt.NDArray[np.int32]:
    """Return channels that have no flat line, as the neighbours show that are loaded already.

    Of a live network that is nearly every one. The others, among them those with a flag, are looked at by themselves.
    """
    own, (ids, first) = block.windows, np.unique(lines.channel_id, return_index=True)
    since = dict(zip(ids.tolist(), lines.judge_from[first].tolist(), strict=True))
    since_us = np.array([since.get(channel_id, NEVER_US) for channel_id in own.channel_id.tolist()], np.int64)
    moves = flat.moving(block.readings, since_us, block.limits(flat.TEST))
    moves &= block.newest_us <= own.judge_to
    moves[[series for series, _ in block.standing[flat.TEST]]] = False
    return own.channel_id[moves]


def _announced(found: Sequence[NewFlag]) -> Iterator[NewChange]:
    by_channel: dict[tuple[int, str], list[datetime]] = {}
    for finding in found:
        by_channel.setdefault((finding.channel_id, finding.station), []).append(finding.time)
    for (channel_id, station), times in sorted(by_channel.items()):
        yield NewChange(station, channel_id, min(times), max(times), len(times), Cause.FLAG)
