"""The flat-line test: a value that has not moved for too long, as of a stuck sensor. Pure, on arrays.

Method: QARTOD, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data, Test 5 (flat line), which
counts equal readings in a row. Here times are given in place of counts, so a limit means the same at any interval, and
at least half of the readings of that time must be there: two equal values on the two sides of an outage are no line.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.quality.spike import Flags
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

TEST: Final = "flat"
"""Name of the test in `reading_flag` and in `channel.history_tests`."""
HOUR_S: Final = 3600.0
SUSPECT_AFTER: Final[Mapping[str, float]] = MappingProxyType(
    {
        "water_temp": 12 * HOUR_S,
        "ec": 6 * HOUR_S,
        "salinity": 24 * HOUR_S,
        "do": 8 * HOUR_S,
        "do_sat": 6 * HOUR_S,
        "ph": 72 * HOUR_S,
        "water_level": 6 * HOUR_S,
        "air_temp": 6 * HOUR_S,
        "pressure": 6 * HOUR_S,
        "pm2_5": 6 * HOUR_S,
        "pm10": 6 * HOUR_S,
        "o3": 6 * HOUR_S,
    }
)
"""Seconds after which an unchanged value is suspect, for the parameters that have the test unless files say otherwise.

Longer than a year of a real estuary stood still by itself, at the coarse digits it was recorded with (0.1 °C, 0.1 pH).
"""
FAIL_FACTOR: Final = 2.0
"""A value fails after twice as long."""
SHARE: Final = 0.5
"""Least share of the expected readings in the time."""


def flat_lines(
    time_us: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    state: npt.NDArray[np.int16],
    after_s: float,
    interval_s: float,
) -> Flags:
    """Judge the readings of one channel.

    Args:
        time_us: times, ascending, microseconds.
        value: values, NaN where there is none.
        state: states; only readings that are ok or suspect are judged, or break a line.
        after_s: how long a value may stay the same.
        interval_s: of the channel.

    Returns:
        A flag a reading: GOOD, SUSPECT or FAIL, or NOT_EVALUATED where it is not judged.
    """
    flags = np.full(len(value), Quality.NOT_EVALUATED, np.int8)
    fit = np.flatnonzero(~np.isnan(value) & (state <= State.SUSPECT))
    if not len(fit):
        return flags
    time, values = time_us[fit], value[fit]
    changes = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    start = changes[np.searchsorted(changes, np.arange(len(fit)), side="right") - 1]
    moved = np.where(start > 0, time[start - 1], np.int64(-(2**62)))
    found = np.full(len(fit), Quality.GOOD, np.int8)
    for flag, length_s in ((Quality.SUSPECT, after_s), (Quality.FAIL, FAIL_FACTOR * after_s)):
        length_us = round(length_s * 1e6)
        first = np.searchsorted(time, time - length_us, side="left")
        there = np.arange(len(fit)) - first + 1
        found[(time - moved > length_us) & (there >= SHARE * length_s / interval_s)] = flag
    flags[fit] = found
    return flags
