"""Least and greatest recent value of many channels, a little further back than their rules look. Pure.

A channel's past is cut into stretches of an eighth of its reach; the last ten are kept. What they say encloses every
value of the reach, perhaps some older ones: enough to know that nothing moved far, without reading the past again.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

STRETCHES: Final = 10
PARTS: Final = 8
NEVER: Final = np.iinfo(np.int64).max

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


class RecentRanges:
    """Ranges of channels, by their numbers from 0."""

    def __init__(self, reach_ms: Times) -> None:
        """`reach_ms`: how far back the rules of each channel look; 0: none does."""
        self._length = np.maximum(-(-reach_ms // PARTS), 1)
        self._least = np.full((len(reach_ms), STRETCHES), np.inf)
        self._greatest = np.full((len(reach_ms), STRETCHES), -np.inf)
        self._newest = np.zeros(len(reach_ms), dtype=np.int64)
        """Number of the newest stretch."""
        self._from_ms = np.full(len(reach_ms), NEVER)

    def known_from_ms(self, numbers: Times) -> Times:
        """Return since when the ranges of channels enclose every value."""
        kept = (self._newest[numbers] - STRETCHES + 1) * self._length[numbers]
        known: Times = np.maximum(self._from_ms[numbers], kept)
        return known

    def of(self, numbers: Times) -> tuple[Floats, Floats]:
        """Return least and greatest value of channels; infinite where there was none."""
        return self._least[numbers].min(axis=1), self._greatest[numbers].max(axis=1)

    def add(self, numbers: Times, t_ms: Times, least: Floats, greatest: Floats) -> None:
        """Add values of channels, of which the last is of `t_ms`; NaN: none. Older ones count as the newest."""
        stretch = np.maximum(t_ms // self._length[numbers], self._newest[numbers])
        ahead = np.minimum(stretch - self._newest[numbers], STRETCHES)
        for k in range(1, int(ahead.max(initial=0)) + 1):
            further = numbers[ahead >= k]
            place = (self._newest[further] + k) % STRETCHES
            self._least[further, place], self._greatest[further, place] = np.inf, -np.inf
        place = stretch % STRETCHES
        self._least[numbers, place] = np.fmin(self._least[numbers, place], least)
        self._greatest[numbers, place] = np.fmax(self._greatest[numbers, place], greatest)
        self._newest[numbers] = stretch

    def begin(self, numbers: Times, from_ms: Times) -> None:
        """Know channels from a time on, where nothing was known: all their values since then will be added."""
        self._from_ms[numbers] = np.where(self._from_ms[numbers] == NEVER, from_ms, self._from_ms[numbers])

    def replace(self, number: int, from_ms: int, t_ms: Times, value: Floats) -> None:
        """Put all values of a channel since a time, in order and at least one, in place of what is known of it."""
        stretch = t_ms // self._length[number]
        recent = stretch > stretch[-1] - STRETCHES
        self._least[number], self._greatest[number] = np.inf, -np.inf
        np.minimum.at(self._least[number], stretch[recent] % STRETCHES, value[recent])
        np.maximum.at(self._greatest[number], stretch[recent] % STRETCHES, value[recent])
        self._newest[number], self._from_ms[number] = stretch[-1], from_ms

    def forget(self, numbers: Times) -> None:
        """Forget the ranges of channels."""
        self._from_ms[numbers] = NEVER
