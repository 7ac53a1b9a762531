"""The spike test: a value that stands off from both its neighbours. Pure, on arrays of one channel.

Method: QARTOD, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data, Test 6, compares
|V(n) - (V(n-1) + V(n+1)) / 2| with two thresholds. That also blames the neighbours of a spike and both sides of a real
step, so what the neighbours differ by themselves is taken off, as the Argo quality control manual does (test 9):
|V(n) - (V(n-1) + V(n+1)) / 2| - |V(n+1) - V(n-1)| / 2. Neither says anything of gaps: here neighbours further away than
a number of intervals are none, and values that the device itself does not vouch for are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

TEST: Final = "spike"
"""Name of the test in `reading_flag` and in `channel.history_tests`."""
GAP_INTERVALS: Final = 3
"""A neighbour may be so many intervals away."""

Flags = npt.NDArray[np.int8]


class Thresholds(NamedTuple):
    """Deviation, in the parameter's unit, from which a value is suspect, and from which it fails."""

    suspect: float
    fail: float


CHOSEN: Final[Mapping[str, float]] = MappingProxyType(
    {
        "water_temp": 3.0,
        "ph": 1.0,
        "do": 4.0,
        "do_sat": 40.0,
        "ec": 10.0,
        "salinity": 5.0,
        "water_level": 0.5,
        "air_temp": 5.0,
        "humidity": 25.0,
        "pressure": 3.0,
        "wind_speed": 15.0,
    }
)
"""Where a share of the plausible range is no good measure: suspect thresholds chosen for tidal rivers and coastal air.

They are ours: far above what tide, sun and squalls do between two readings, at the steps of an hour as of a second.
"""
SHARE_OF_PLAUSIBLE: Final = 0.1
"""Suspect threshold of the other parameters, as a share of the plausible range of the catalogue."""
FAIL_FACTOR: Final = 3.0
"""A value fails at three times what makes it suspect, the ratio the Coastal Monitoring Program of Nova Scotia uses."""


def thresholds(parameter: str) -> Thresholds:
    """Return the thresholds of a parameter of the catalogue."""
    low, high = CATALOGUE[parameter].plausible
    suspect = CHOSEN.get(parameter, SHARE_OF_PLAUSIBLE * (high - low))
    return Thresholds(suspect, FAIL_FACTOR * suspect)


def spikes(
    time_us: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    state: npt.NDArray[np.int16],
    limits: Thresholds,
    gap_us: int,
) -> Flags:
    """Judge the readings of one channel.

    Args:
        time_us: times, ascending, microseconds.
        value: values, NaN where there is none.
        state: states; only readings that are ok or suspect are judged, or serve as neighbours.
        limits: thresholds in the unit of `value`.
        gap_us: farthest a neighbour may be.

    Returns:
        A flag a reading: GOOD, SUSPECT or FAIL, or NOT_EVALUATED where it is not judged or lacks a neighbour.
    """
    flags = np.full(len(value), Quality.NOT_EVALUATED, np.int8)
    fit = np.flatnonzero(~np.isnan(value) & (state <= State.SUSPECT))
    if len(fit) < 3:
        return flags
    near = np.diff(time_us[fit]) <= gap_us
    before, at, after = value[fit[:-2]], value[fit[1:-1]], value[fit[2:]]
    deviation = np.abs(at - (before + after) / 2) - np.abs(after - before) / 2
    found = np.select(
        [deviation > limits.fail, deviation > limits.suspect], [Quality.FAIL, Quality.SUSPECT], Quality.GOOD
    )
    flags[fit[1:-1]] = np.where(near[:-1] & near[1:], found, Quality.NOT_EVALUATED)
    return flags
