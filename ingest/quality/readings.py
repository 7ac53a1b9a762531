"""Readings of many channels as columns, on which the tests with a history are run. Pure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quantrac.telemetry.states import State

Flags = npt.NDArray[np.int8]
"""A flag a reading: GOOD, SUSPECT or FAIL, or NOT_EVALUATED where it is not judged."""
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Verdicts(NamedTuple):
    """What a test says of readings, one each."""

    flag: Flags
    score: Floats
    """How far its evidence goes: 1 where a reading becomes suspect; NaN where it is not judged."""


@dataclass(frozen=True, slots=True)
class TestedReadings:
    """Readings of several series, each a stretch of one channel: by series, and by time within it."""

    __test__ = False  # it is no test of pytest's

    series: npt.NDArray[np.int32]
    """Number of the series, ascending."""
    time_us: npt.NDArray[np.int64]
    """Time of each reading, microseconds since 1970, ascending within a series."""
    value: Floats
    """NaN where there is none."""
    state: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.series)

    @classmethod
    def none(cls) -> TestedReadings:
        """Return no readings."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int16))

    def pick(self, chosen: npt.NDArray[np.intp] | slice, series: npt.NDArray[np.int32]) -> TestedReadings:
        """Return some readings under other numbers of their series."""
        return TestedReadings(series, self.time_us[chosen], self.value[chosen], self.state[chosen])

    def beside(self, other: TestedReadings) -> TestedReadings:
        """Return both, by series and time; those of `other` are newer, or of other series."""
        both = TestedReadings(
            *(np.concatenate([getattr(self, each.name), getattr(other, each.name)]) for each in fields(self))
        )
        order = np.argsort(both.series, kind="stable")
        return both.pick(order, both.series[order])

    def fit(self) -> npt.NDArray[np.intp]:
        """Return where the readings stand that are judged, or serve as neighbours: the device vouches for them."""
        return np.flatnonzero(~np.isnan(self.value) & (self.state <= State.SUSPECT))

    def follow(self, fit: npt.NDArray[np.intp], within_us: Floats) -> Mask:
        """Tell which of the readings `fit` follow another one of their series within a time, one a reading."""
        series, time_us = self.series[fit], self.time_us[fit]
        follows = np.zeros(len(fit), np.bool_)
        follows[1:] = (series[1:] == series[:-1]) & (np.diff(time_us) <= within_us[fit[1:]])
        return follows
