"""The rate-of-change test: a value that is too far from the ones before it. Pure, on arrays.

Method: the time continuity check of NDBC's Handbook of Automated Data Quality Control Checks (2009) lets a value differ
from the last one by an amount that grows with the root of the time between. Below a quarter of an hour it shrinks no
further: a front passes a probe within a minute. A value that lies near the one before the last is only back from a
spike and not blamed. Unlike the spike test it needs no reading to come, and sees steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.quality.readings import Floats, TestedReadings, Verdicts
from ingest.quality.spike import neighbours_within_us
from quantrac.telemetry.quality import Quality

TEST: Final = "rate"
"""Name of the test in `reading_flag` and in `channel.history_tests`."""
HOUR_US: Final = 3_600_000_000
SHORTEST_H: Final = 0.25
"""In less time a value may move as far as in this, hours."""
MOST_AN_HOUR: Final[Mapping[str, float]] = MappingProxyType(
    {
        "water_temp": 4.0,
        "ph": 2.4,
        "do": 14.0,
        "do_sat": 200.0,
        "ec": 40.0,
        "salinity": 28.0,
        "water_level": 1.6,
        "air_temp": 12.0,
        "pressure": 6.0,
    }
)
"""How far a value may move in an hour, for the parameters that have the test unless files say otherwise.

A year of a real estuary went nearly as far within 15 minutes (half of these), when a front passed the probe.
"""
FAIL_FACTOR: Final = 3.0
"""A value fails at three times what makes it suspect, as with spikes."""


def jumps(readings: TestedReadings, most_an_hour: Floats, interval_s: Floats) -> Verdicts:
    """Judge readings.

    Args:
        readings: of one or more channels.
        most_an_hour: limit, one a reading, in the unit of its value; in less time less, by the root, down to a quarter
            of an hour.
        interval_s: of the channel, one a reading.
    """
    flags, scores = np.full(len(readings), Quality.NOT_EVALUATED, np.int8), np.full(len(readings), np.nan)
    fit = readings.fit()
    if len(fit) < 2:
        return Verdicts(flags, scores)
    time_us, value, most = readings.time_us[fit], readings.value[fit], most_an_hour[fit]
    near = readings.follow(fit, neighbours_within_us(interval_s))
    excess = _excess(time_us, value, most, 1)
    before_last = np.full(len(fit), np.inf)
    before_last[2:] = np.where(near[2:] & near[1:-1], _excess(time_us, value, most, 2)[2:], np.inf)
    excess = np.minimum(excess, before_last)
    found = np.select([excess > FAIL_FACTOR, excess > 1], [Quality.FAIL, Quality.SUSPECT], Quality.GOOD)
    flags[fit], scores[fit] = np.where(near, found, Quality.NOT_EVALUATED), np.where(near, excess, np.nan)
    return Verdicts(flags, scores)


def _excess(time_us: npt.NDArray[np.int64], value: Floats, most_an_hour: Floats, back: int) -> Floats:
    """Return by how many times the limit each value differs from the one `back` places before; 0: there is none."""
    excess = np.zeros(len(value))
    # The place before may be another series', with a later time: nobody looks at what comes of it.
    hours = np.maximum((time_us[back:] - time_us[:-back]) / HOUR_US, SHORTEST_H)
    excess[back:] = np.abs(value[back:] - value[:-back]) / (most_an_hour[back:] * np.sqrt(hours))
    return excess
