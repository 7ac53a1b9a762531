"""The readings that the tests of devices keep from round to round, by channel, up to what the machine has room for.

A round touches what it judges and nothing else. Where there is no room for all, those that are kept stay and the others
are read each time: all devices are judged in turn, so whatever made room for the next one would be read again itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from ingest.quality.readings import TestedReadings
from ingest.quality.recent import RecentReadings
from ingest.quality.windows import JudgedWindows, Times

BYTES_A_READING: Final = 22
SHARE: Final = 1 / 16
"""Of the machine's memory, which others want, too."""
LEAST: Final = 4_000_000
"""Readings that are kept on any machine: 90 MB."""
LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
"""What a container may use, bytes, or `max`."""
IDLE_US: Final = 86_400_000_000
"""A channel that is so far behind the newest one makes room."""


def most_kept() -> int:
    """Return how many readings there is room for on this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with suppress(OSError, ValueError):  # no container, or one without a limit
        memory = min(memory, int(LIMIT.read_text("ascii")))
    return max(LEAST, round(memory * SHARE / BYTES_A_READING))


class KeptReadings:
    """The newest readings of channels, as they were read last."""

    def __init__(self, most: int | None = None) -> None:
        """`most`: how many readings; None: what the machine has room for."""
        self._most = most_kept() if most is None else most
        self._of: dict[int, RecentReadings] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def of(self, windows: JudgedWindows) -> RecentReadings:
        """Return what is kept of the channels of windows."""
        wanted = np.unique(windows.channel_id).tolist()
        return _joined([self._of[number] for number in wanted if number in self._of])

    def after(self, windows: JudgedWindows, readings: TestedReadings, newest_us: Times) -> None:
        """Keep what was read of windows, as `RecentReadings.then` has it."""
        news = RecentReadings.none().then(windows, readings, newest_us)
        bounds = np.searchsorted(news.readings.series, np.arange(len(news.channel_id) + 1)).tolist()
        rows = {number: row for row, number in enumerate(news.channel_id.tolist())}
        for number in np.unique(windows.channel_id).tolist():
            had = self._forget(number)
            if (row := rows.get(number)) is not None:
                self._keep(number, news, row, slice(bounds[row], bounds[row + 1]), is_new=not had)

    def _forget(self, number: int) -> bool:
        had = self._of.pop(number, None)
        self._count -= len(had.readings) if had is not None else 0
        return had is not None

    def _keep(self, number: int, news: RecentReadings, row: int, span: slice, *, is_new: bool) -> None:
        count = span.stop - span.start
        if is_new and self._count + count > self._most:
            self._make_room(int(news.newest_us[row]) - IDLE_US)
        if self._count + count > self._most:
            return
        own = news.readings
        readings = TestedReadings(
            np.zeros(count, np.int32), own.time_us[span].copy(), own.value[span].copy(), own.state[span].copy()
        )
        one = slice(row, row + 1)
        self._of[number] = RecentReadings(
            news.channel_id[one].copy(), news.from_us[one].copy(), news.newest_us[one].copy(), readings
        )
        self._count += count

    def _make_room(self, before_us: int) -> None:
        """Forget the channels that nothing new was heard of."""
        for number in [number for number, each in self._of.items() if each.newest_us[0] < before_us]:
            self._forget(number)


def _joined(rows: Iterable[RecentReadings]) -> RecentReadings:
    """Return rows of one channel each, by channel, as one."""
    every = list(rows)
    if not every:
        return RecentReadings.none()
    counts = [len(each.readings) for each in every]
    return RecentReadings(
        np.concatenate([each.channel_id for each in every]),
        np.concatenate([each.from_us for each in every]),
        np.concatenate([each.newest_us for each in every]),
        TestedReadings(
            np.repeat(np.arange(len(every), dtype=np.int32), counts),
            np.concatenate([each.readings.time_us for each in every]),
            np.concatenate([each.readings.value for each in every]),
            np.concatenate([each.readings.state for each in every]),
        ),
    )
