"""What one device measured, in columns on one axis of time, and what a test finds in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from quantrac.quality.trees import TrainedModel

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Flags = npt.NDArray[np.int8]
"""A QARTOD flag a time: GOOD, SUSPECT or FAIL; NOT_EVALUATED where the test says nothing."""
Times = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""


class Climate(NamedTuple):
    """What is usual of a channel by season, hour and tide, as `quality fit` made it: see `quality.climatology`."""

    figures: tuple[float, ...]
    """Level, then cosine and sine of each period, in the parameter's unit."""
    limit: float
    """A day's mean further off than this is suspect, in the parameter's unit."""


@dataclass(frozen=True, slots=True)
class DeviceSeries:
    """The values of one device: its parameters share their times."""

    time_us: Times
    """Ascending, without repeats."""
    values: Mapping[str, Floats]
    """By parameter, in the catalogue's unit; NaN where there is none, or where the device does not vouch for it."""
    resolution: Mapping[str, float]
    """By parameter the smallest step that its instrument tells, in the parameter's unit; absent where nobody knows."""
    interval_s: float
    """Usual time between two readings, seconds."""
    climates: Mapping[str, Climate] = field(default_factory=dict)
    """By parameter, where it is known what is usual."""
    models: Mapping[str, TrainedModel] = field(default_factory=dict)
    """By parameter, where one was trained and is good there."""

    def __len__(self) -> int:
        return len(self.time_us)

    def between(self, first_us: int, last_us: int) -> DeviceSeries:
        """Return the readings between two times, both inclusive."""
        low, high = np.searchsorted(self.time_us, first_us), np.searchsorted(self.time_us, last_us, side="right")
        if high - low == len(self):
            return self
        values = {name: value[low:high] for name, value in self.values.items()}
        return replace(self, time_us=self.time_us[low:high], values=values)


class Evidence(NamedTuple):
    """What one test says of one parameter, a flag a time of the series."""

    test: str
    parameter: str
    flag: Flags
    score: Floats
    """How far the evidence goes beyond what is usual: 1 where a value becomes suspect; NaN where not evaluated."""
    about: Mapping[str, Floats]
    """Figures for the words of the finding, by placeholder, a value a time: `{usual}`, `{moved}`."""
