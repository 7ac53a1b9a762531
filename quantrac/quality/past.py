"""What lies before and around each reading: the lowest of a stretch, what is usual. Pure, without a loop over readings.

What is usual comes from blocks of three hours on the wall clock, of which only whole ones that lie back count: the
answer does not depend on where a series begins or in which order it was stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from quantrac.quality.series import Floats, Times

Places = npt.NDArray[np.intp]
BLOCK_S: Final = 3 * 3600.0
"""Length of a block, seconds."""
WEEK: Final = 56
"""Blocks of what is usual."""
HOUR_US: Final = 3_600_000_000
LEAST: Final = 16
"""So many blocks of them must have values, else nobody knows what is usual."""
REACH_S: Final = (WEEK + 3) * BLOCK_S
"""So far back lies all that says what is usual, seconds."""


def first_within(time_us: Times, back_s: float) -> Places:
    """Return for each reading the place of the first one that is at most so many seconds older."""
    return np.searchsorted(time_us, time_us - round(back_s * 1e6), side="left")


def end_within(time_us: Times, ahead_s: float) -> Places:
    """Return for each reading the place behind the last one that is at most so many seconds newer."""
    return np.searchsorted(time_us, time_us + round(ahead_s * 1e6), side="right")


def lowest(value: Floats, first: Places, end: Places) -> Floats:
    """Return the lowest of value[first:end] for each pair of places; NaN where there is none.

    A sparse table of the lowest of every 1, 2, 4, … readings answers each stretch by two looks.
    """
    answer = np.full(len(first), np.nan)
    count = end - first
    there = np.flatnonzero(count > 0)
    if not len(there):
        return answer
    power = np.frexp(count[there])[1] - 1
    table = np.where(np.isnan(value), np.inf, value)
    for step in range(int(power.max()) + 1):
        mine = there[power == step]
        answer[mine] = np.minimum(table[first[mine]], table[end[mine] - 2**step])
        table = np.minimum(table[: -(2**step)], table[2**step :])
    answer[np.isinf(answer)] = np.nan
    return answer


def highest(value: Floats, first: Places, end: Places) -> Floats:
    """Return the highest of value[first:end] for each pair of places; NaN where there is none."""
    return -lowest(-value, first, end)


def mean_within(value: Floats, first: Places, end: Places) -> Floats:
    """Return the mean of value[first:end] for each pair of places, of those that are there; NaN where there is none."""
    there = ~np.isnan(value)
    sums = np.concatenate([[0.0], np.cumsum(np.where(there, value, 0.0))])
    counts = np.concatenate([[0], np.cumsum(there)])
    number = counts[end] - counts[first]
    return np.where(number > 0, (sums[end] - sums[first]) / np.maximum(number, 1), np.nan)


def hours_within(time_us: Times, value: Floats, first: Places, end: Places) -> Places:
    """Return for each pair of places in how many hours of the clock there are values."""
    there = np.flatnonzero(~np.isnan(value))
    changes = np.cumsum(np.diff(time_us[there] // HOUR_US, prepend=-1) != 0)
    low, high = np.searchsorted(there, first), np.searchsorted(there, end) - 1
    answer = np.zeros(len(first), np.intp)
    some = np.flatnonzero(high >= low)
    answer[some] = changes[high[some]] - changes[low[some]] + 1
    return answer


def steps(time_us: Times) -> Floats:
    """Return the time between each reading and the one before it, microseconds; NaN of the first."""
    return np.diff(time_us.astype(np.float64), prepend=np.nan)


@dataclass(frozen=True, slots=True)
class Blocks:
    """The times of a series in blocks of three hours."""

    block: Places
    """Number of the block of each reading, from 0 on."""
    count: int

    @classmethod
    def of(cls, time_us: Times) -> Blocks:
        """Cut ascending times."""
        number = time_us // round(BLOCK_S * 1e6)
        return cls(number - number[0], int(number[-1] - number[0]) + 1) if len(number) else cls(number, 0)

    def quantile(self, value: Floats, share: float) -> Floats:
        """Return for each block the value that such a share of its values does not exceed; NaN where it has none."""
        there = ~np.isnan(value)
        block, value = self.block[there], value[there]
        answer = np.full(self.count, np.nan)
        if not len(block):
            return answer
        starts = np.flatnonzero(np.diff(block, prepend=-1))
        some = block[starts]
        if share in (0.0, 1.0):
            answer[some] = (np.maximum if share else np.minimum).reduceat(value, starts)
        else:
            sizes = np.diff(starts, append=len(block))
            ascending = value[np.lexsort((value, block))]
            answer[some] = ascending[starts + np.rint(share * (sizes - 1)).astype(np.intp)]
        return answer

    def usual(self, of_block: Floats, share: float, lag: int = 2, blocks: int = WEEK) -> Floats:
        """Return for each reading the figure that such a share of the week's blocks does not exceed.

        The week, or so many `blocks`, ends `lag` blocks before the reading's own. NaN: too few blocks have a figure.
        """
        if not self.count:
            return np.zeros(0)
        padded = np.concatenate([np.full(blocks + lag, np.nan), of_block])
        weeks = np.sort(np.lib.stride_tricks.sliding_window_view(padded, blocks)[: self.count], axis=1)
        known = blocks - np.count_nonzero(np.isnan(weeks), axis=1)
        place = np.rint(share * (known - 1)).astype(np.intp)
        answer = np.where(known >= LEAST, weeks[np.arange(self.count), np.maximum(place, 0)], np.nan)
        return answer[self.block]
