"""The newest readings of channels, kept as they were read last, so that a round reads only what is newer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.quality.readings import Mask, TestedReadings
from ingest.quality.windows import JudgedWindows, Times


@dataclass(frozen=True, slots=True)
class RecentReadings:
    """All readings of some channels between two times, both inclusive; a row a channel, by channel."""

    channel_id: npt.NDArray[np.int32]
    from_us: Times
    newest_us: Times
    """Of the readings; there was no later one."""
    readings: TestedReadings
    """A series is a channel's row."""

    @classmethod
    def none(cls) -> RecentReadings:
        """Return no readings."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64), TestedReadings.none())

    def of(self, windows: JudgedWindows) -> tuple[TestedReadings, Times, Mask]:
        """Return the kept readings of windows (one series each), from when on to read each window, and which are kept.

        A window is here where its change brought only newer readings. What came meanwhile between those that are here
        has a change of its own, with which it is judged.
        """
        if not len(self.channel_id):
            return TestedReadings.none(), windows.load_from, np.zeros(len(windows), np.bool_)
        row = np.minimum(np.searchsorted(self.channel_id, windows.channel_id), len(self.channel_id) - 1)
        served = (self.channel_id[row] == windows.channel_id) & windows.alone()
        served &= (self.from_us[row] <= windows.load_from) & (windows.changed_from() > self.newest_us[row])
        window = np.full(len(self.channel_id), -1, np.int32)
        window[row[served]] = np.flatnonzero(served)
        series = window[self.readings.series]
        here = np.flatnonzero(series >= 0)
        here = here[self.readings.time_us[here] >= windows.load_from[series[here]]]
        low = np.maximum(np.where(served, self.newest_us[row] + 1, windows.load_from), windows.load_from)
        return self.readings.pick(here, series[here]), low, served

    def then(self, windows: JudgedWindows, readings: TestedReadings, newest_us: Times) -> RecentReadings:
        """Return the readings to keep after windows were read.

        Args:
            windows: what was read.
            readings: all that is in them; a series is a window.
            newest_us: time of the newest reading of each window's channel that may have been taken.
        """
        numbers = np.arange(len(windows))
        last = np.searchsorted(readings.series, numbers, side="right") - 1
        kept = windows.alone() & (last >= 0)
        kept[kept] = readings.series[last[kept]] == numbers[kept]
        kept[kept] = readings.time_us[last[kept]] >= newest_us[kept]
        row = np.full(len(windows), -1, np.int32)
        row[kept] = np.arange(np.count_nonzero(kept))
        newest = readings.time_us[last[kept]]
        own = windows.pick(kept)
        from_us = np.maximum(own.load_from, newest - (own.changed_from() - own.load_from))
        series = row[readings.series]
        here = np.flatnonzero(series >= 0)
        here = here[readings.time_us[here] >= from_us[series[here]]]
        others = ~np.isin(self.channel_id, windows.channel_id)
        new = RecentReadings(own.channel_id, from_us, newest, readings.pick(here, series[here]))
        return _united(self, others, new) if others.any() else new


def _united(one: RecentReadings, chosen: Mask, other: RecentReadings) -> RecentReadings:
    """Return the chosen rows of one and all of the other, which have no channel in common.

    Rows are copied by stretches: what is kept grows with the network, and a round brings a few channels.
    """
    channel_id = np.concatenate([one.channel_id[chosen], other.channel_id])
    order = np.argsort(channel_id)
    whose = (order >= np.count_nonzero(chosen)).astype(np.intp)
    bounds = [np.searchsorted(each.readings.series, np.arange(len(each.channel_id) + 1)) for each in (one, other)]
    low = np.concatenate([bounds[0][:-1][chosen], bounds[1][:-1]])[order]
    high = np.concatenate([bounds[0][1:][chosen], bounds[1][1:]])[order]
    begins = np.r_[True, (whose[1:] != whose[:-1]) | (low[1:] != high[:-1])] if len(order) else np.zeros(0, np.bool_)
    stretches = list(zip(whose[begins].tolist(), low[begins].tolist(), high[np.roll(begins, -1)].tolist(), strict=True))

    def copied(name: str) -> npt.NDArray[Any]:
        columns = [getattr(each.readings, name) for each in (one, other)]
        return np.concatenate([columns[0][:0], *(columns[which][start:end] for which, start, end in stretches)])

    return RecentReadings(
        channel_id[order],
        np.concatenate([one.from_us[chosen], other.from_us])[order],
        np.concatenate([one.newest_us[chosen], other.newest_us])[order],
        TestedReadings(
            np.repeat(np.arange(len(order), dtype=np.int32), high - low),
            copied("time_us"), copied("value"), copied("state"),
        ),
    )  # fmt: skip
