"""What lies in a time before each reading: lowest, highest, how much. Pure, on arrays, without a loop over readings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from quantrac.quality.series import Floats, Times

Places = npt.NDArray[np.intp]


def first_within(time_us: Times, back_s: float) -> Places:
    """Return for each reading the place of the first one that is at most so many seconds older."""
    return np.searchsorted(time_us, time_us - round(back_s * 1e6), side="left")


def lowest_before(value: Floats, first: Places) -> Floats:
    """Return for each reading the lowest of those from place `first` up to the one before it; NaN where there is none.

    A sparse table of the lowest of every 1, 2, 4, … readings answers each stretch by two looks.
    """
    count = np.arange(len(value)) - first
    answer = np.full(len(value), np.nan)
    if not len(value):
        return answer
    lowest = np.where(np.isnan(value), np.inf, value)
    ends = np.arange(len(value)) - 1
    power = np.frexp(np.maximum(count, 1))[1] - 1
    for step in range(int(power.max()) + 1):
        mine = np.flatnonzero((power == step) & (count > 0))
        answer[mine] = np.minimum(lowest[first[mine]], lowest[ends[mine] - 2**step + 1])
        longer = lowest.copy()
        longer[: max(len(lowest) - 2**step, 0)] = np.minimum(lowest[: -(2**step)], lowest[2**step :])
        lowest = longer
    return np.where(np.isinf(answer), np.nan, answer)
