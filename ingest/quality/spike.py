"""The spike test: a value that stands off from both its neighbours. Pure, on arrays.

Method: QARTOD, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data, Test 6, compares
|V(n) - (V(n-1) + V(n+1)) / 2| with two thresholds. That also blames the neighbours of a spike and both sides of a real
step, so what the neighbours differ by themselves is taken off, as the Argo quality control manual does (test 9):
|V(n) - (V(n-1) + V(n+1)) / 2| - |V(n+1) - V(n-1)| / 2. Neither says anything of gaps: here neighbours further away than
a number of intervals are none, and values that the device itself does not vouch for are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from ingest.quality.readings import Floats, TestedReadings, Verdicts
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality

TEST: Final = "spike"
"""Name of the test in `reading_flag` and in `channel.history_tests`."""
GAP_INTERVALS: Final = 3
"""A neighbour may be so many intervals away."""
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


def suspect_from(parameter: str) -> float | None:
    """Return the deviation, in the parameter's unit, from which a value is suspect.

    None: this process does not know the parameter; the limits of a network's own stand beside its channels.
    """
    known = CATALOGUE.get(parameter)
    if known is None:
        return None
    low, high = known.plausible
    return CHOSEN.get(parameter, SHARE_OF_PLAUSIBLE * (high - low))


def neighbours_within_us(interval_s: Floats) -> Floats:
    """Return how far a neighbour may be, microseconds."""
    return np.rint(GAP_INTERVALS * 1e6 * interval_s)


def spikes(readings: TestedReadings, suspect: Floats, interval_s: Floats) -> Verdicts:
    """Judge readings.

    Args:
        readings: of one or more channels.
        suspect: deviation from which a reading is suspect, one a reading, in the unit of its value.
        interval_s: of the channel, one a reading.
    """
    flags, scores = np.full(len(readings), Quality.NOT_EVALUATED, np.int8), np.full(len(readings), np.nan)
    fit = readings.fit()
    if len(fit) < 3:
        return Verdicts(flags, scores)
    value, near = readings.value[fit], readings.follow(fit, neighbours_within_us(interval_s))
    before, at, after = value[:-2], value[1:-1], value[2:]
    deviation = np.abs(at - (before + after) / 2) - np.abs(after - before) / 2
    limit, judged = suspect[fit[1:-1]], near[1:-1] & near[2:]
    found = np.select(
        [deviation > FAIL_FACTOR * limit, deviation > limit], [Quality.FAIL, Quality.SUSPECT], Quality.GOOD
    )
    flags[fit[1:-1]] = np.where(judged, found, Quality.NOT_EVALUATED)
    scores[fit[1:-1]] = np.where(judged, np.maximum(deviation / limit, 0), np.nan)
    return Verdicts(flags, scores)
