"""What the tests of one channel's history find in what changed, held against the flags that stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.quality import flat, rate, spike
from ingest.quality.differences import BlamedReadings, differences
from ingest.quality.history import TESTS, words
from ingest.quality.recent import RecentReadings
from ingest.quality.tables import LoadedBlock, NewFlag, TestedChannels, TestedColumns, load
from ingest.quality.windows import JudgedWindows, still, windows
from quantrac.database.feed import Change
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.words import Words

NEAR: Final = (spike.TEST, rate.TEST)
"""Tests that look at neighbours only; the flat line looks back for hours."""

NEVER_US: Final = -(2**62)


def findings(conn: Connection, changes: Sequence[Change], tested: TestedChannels) -> Iterator[NewFlag]:
    """Return what has to be added so that the findings fit the readings as they stand now."""
    channels = tested.of(conn, changes)
    lines = windows(changes, channels.line)
    for some in windows(changes, channels.near).in_blocks():
        block = load(conn, some, TESTS, tested.recent)
        tested.recent = tested.recent.then(some, block.readings, block.newest_us)
        for test in NEAR:
            yield from _differences(block, channels, test)
        lines = lines.pick(~np.isin(lines.channel_id, _moving(block, channels, lines)))
    for some in still(conn, lines, channels.limits_of(flat.TEST, lines.channel_id)).in_blocks():
        block = load(conn, some, [flat.TEST], RecentReadings.none())
        yield from _differences(block, channels, flat.TEST)


def _differences(block: LoadedBlock, channels: TestedColumns, name: str) -> Iterator[NewFlag]:
    """Yield where the verdicts of a test differ from the flags that stand."""
    test, readings, of = TESTS[name], block.readings, block.windows.channel_id
    limits, intervals = channels.limits_of(name, of), channels.intervals_of(of)
    verdict = test.judge(readings, limits[readings.series], intervals[readings.series])

    def said(at: int) -> Words:
        limit = limits[int(readings.series[at])]
        return words(test, Quality(int(verdict.flag[at])), float(readings.value[at]), float(limit))

    blamed = np.flatnonzero(verdict.flag >= Quality.SUSPECT)
    if name == flat.TEST:
        resting = np.array([channels.channels[channel_id].resting for channel_id in of.tolist()], np.float64)
        blamed = blamed[readings.value[blamed] > resting[readings.series[blamed]]]
    blame = BlamedReadings(
        name, readings.series[blamed], readings.time_us[blamed], verdict.flag[blamed], verdict.score[blamed],
        lambda place: said(int(blamed[place])), test.withdrawn,
    )  # fmt: skip
    has_test = ~np.isnan(limits)
    yield from differences(block, blame, has_test, lambda window: channels.channels[int(of[window])].station)


def _moving(block: LoadedBlock, channels: TestedColumns, lines: JudgedWindows) -> npt.NDArray[np.int32]:
    """Return channels that have no flat line, as the neighbours show that are loaded already.

    Of a live network that is nearly every one. The others, among them those with a flag, are looked at by themselves.
    """
    own, (ids, first) = block.windows, np.unique(lines.channel_id, return_index=True)
    since = dict(zip(ids.tolist(), lines.judge_from[first].tolist(), strict=True))
    since_us = np.array([since.get(channel_id, NEVER_US) for channel_id in own.channel_id.tolist()], np.int64)
    moves = flat.moving(block.readings, since_us, channels.limits_of(flat.TEST, block.windows.channel_id))
    moves &= block.newest_us <= own.judge_to
    moves[[series for series, _ in block.standing[flat.TEST]]] = False
    return own.channel_id[moves]
