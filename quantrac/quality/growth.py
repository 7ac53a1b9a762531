"""Growth: when within a deployment an error grew beyond what a sensor in order has, as the values tell. Pure.

Only start and end of an error are known from services. In between it may have grown all the time, or begun late; the
right course leaves the water's own values calmest. So each course is as likely as the medians of half tidal days are
close to each other without it, if changes from one to the next are as those of Laplace (their scale is that of the best
course). Where the error is small beside what the water does by itself, all courses are alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from quantrac.quality.series import Floats, Times
from quantrac.quality.steps import DAY

BEGINS: Final = np.arange(0.0, 0.96, 0.05)
"""Shares of the deployment at which an error may begin to grow."""
POWERS: Final = (1.0, 2.0, 4.0)
"""In a straight line, as reagents age and glass does; or late, as fouling does."""
HALF: Final = DAY // 2
"""A whole tide: medians over it hold every phase of it, microseconds."""
FEWEST: Final = 4
"""In a deployment of fewer halves all courses are alike."""


def grown_errors(time_us: Times, values: Floats, start: float, end: float, allowed: float) -> tuple[Floats, Floats]:
    """Return at each time of a deployment the error to expect, and how likely it is beyond `allowed`, 0 to 1.

    `values`: finite, of the deployment, at ascending times; `start`, `end`, `allowed`: unit of the values.
    """
    share = (time_us - time_us[0]) / max(int(time_us[-1] - time_us[0]), 1)
    expected, beyond = np.zeros(len(share)), np.zeros(len(share))
    for likely, course in zip(_likelihoods(time_us, values, share, end - start), _courses(share), strict=True):
        error = start + (end - start) * course
        expected += likely * error
        beyond += likely * (np.abs(error) > allowed)
    return expected, beyond


def _likelihoods(time_us: Times, values: Floats, share: Floats, change: float) -> Floats:
    """Return how likely each course is; their sum is 1."""
    number = (time_us - time_us[0]) // HALF
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    if len(starts) < FEWEST:
        return np.full(len(BEGINS) * len(POWERS), 1 / (len(BEGINS) * len(POWERS)))
    ends = np.append(starts[1:], len(values))
    medians = np.array([np.median(values[a:b]) for a, b in zip(starts, ends, strict=True)])
    middles = np.array([np.mean(share[a:b]) for a, b in zip(starts, ends, strict=True)])
    rough = np.array([np.abs(np.diff(medians - change * course)).sum() for course in _courses(middles)])
    scale = max(float(rough.min()) / (len(medians) - 1), 1e-12)
    likely = np.exp((rough.min() - rough) / scale)
    return np.asarray(likely / likely.sum(), np.float64)


def _courses(share: Floats) -> Iterator[Floats]:
    """Yield each course at shares of the deployment, from 0 to 1."""
    for begin in BEGINS:
        grown = np.clip((share - begin) / (1 - begin), 0, 1)
        yield from (grown**power for power in POWERS)
