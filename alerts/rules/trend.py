"""The trend of a value in one word: rising, falling, steady. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np

from quantrac.telemetry.words import Words

WINDOW_MS: Final = 60 * 60_000
"""Readings of the last hour say the trend."""
LEAST_READINGS: Final = 3


class Trend(StrEnum):
    """Direction of the fitted line."""

    RISING = "rising"
    FALLING = "falling"
    STEADY = "steady"

    @property
    def words(self) -> Words:
        """The direction for people."""
        return {
            Trend.RISING: Words("đang tăng", "rising"),
            Trend.FALLING: Words("đang giảm", "falling"),
            Trend.STEADY: Words("ổn định", "steady"),
        }[self]


def trend_of(points: Sequence[tuple[int, float]], resolution: int) -> Trend | None:
    """Return the direction of (time in ms, value) points, in order of time; None: too few of them, or at one time.

    A least-squares line is laid through them; it counts as a direction when it changes over the time they span by more
    than twice their noise and by more than two units of the parameter's resolution (decimals). Noise is read from the
    differences of neighbours (median of |difference| / (0.6745 √2), the standard deviation of normal noise), so that a
    sudden fall is not taken for noise.
    """
    if len(points) < LEAST_READINGS:
        return None
    t = np.array([point[0] for point in points], dtype=np.float64)
    v = np.array([point[1] for point in points], dtype=np.float64)
    x = t - t.mean()
    spread = float((x * x).sum())
    if spread == 0:
        return None
    change = float((x * (v - v.mean())).sum()) / spread * float(x.max() - x.min())
    noise = float(np.median(np.abs(np.diff(v)))) / (0.6745 * 2**0.5)
    if abs(change) <= max(2 * noise, 2 * 10.0**-resolution):
        return Trend.STEADY
    return Trend.RISING if change > 0 else Trend.FALLING
