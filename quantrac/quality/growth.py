"""Growth: when within a deployment an error grew, as the values themselves tell. Pure.

Only start and end of an error are known from services. In between it may have grown all the time, or begun late; the
right course leaves the water's own values calmest. So each course is as likely as the days' medians are close to each
other without it, if changes from day to day are as those of Laplace (their scale is that of the best course), and the
mean of all courses is taken. Where the error is small beside what the water does by itself, that is the mean of all.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.series import Floats, Times
from quantrac.quality.steps import DAY

BEGINS: Final = np.arange(0.0, 0.96, 0.05)
"""Shares of the deployment at which an error may begin to grow."""
POWERS: Final = (1.0, 3.0)
"""In a straight line, as reagents age and glass does; or late, as fouling does."""
FEWEST_DAYS: Final = 4
"""In a shorter deployment it is taken to grow late."""


def course_of(time_us: Times, values: Floats, change: float) -> Floats:
    """Return at each time of a deployment the share of an error's change that is there, 0 to 1; ascending.

    `values`: finite, of the deployment, at ascending times; `change`: error at the end less that at the start, unit of
    the values.
    """
    share = (time_us - time_us[0]) / max(int(time_us[-1] - time_us[0]), 1)
    number = (time_us - time_us[0]) // DAY
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    if len(starts) < FEWEST_DAYS:
        return np.asarray(share ** POWERS[-1], np.float64)
    ends = np.append(starts[1:], len(values))
    medians = np.array([np.median(values[a:b]) for a, b in zip(starts, ends, strict=True)])
    middles = np.array([np.mean(share[a:b]) for a, b in zip(starts, ends, strict=True)])
    rough = np.abs(np.diff(medians - change * _courses(middles))).sum(axis=1)
    scale = max(float(rough.min()) / (len(medians) - 1), 1e-12)
    likely = np.exp((rough.min() - rough) / scale)
    return np.asarray(likely / likely.sum() @ _courses(share), np.float64)


def _courses(share: Floats) -> Floats:
    """Return each course at shares of the deployment, a row a course."""
    grown = np.clip((share - BEGINS[:, None]) / (1 - BEGINS[:, None]), 0, 1)
    return np.concatenate([grown**power for power in POWERS])
