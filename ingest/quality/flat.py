"""The flat-line test: a value that has not moved for too long, as of a stuck sensor. Pure, on arrays.

Method: QARTOD, Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data, Test 5 (flat line), which
counts equal readings in a row. Here times are given in place of counts, so a limit means the same at any interval, and
at least half of the readings of that time must be there: two equal values on the two sides of an outage are no line.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from ingest.quality.readings import Floats, Mask, TestedReadings, Verdicts
from quantrac.telemetry.quality import Quality

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
        "o3": 14 * HOUR_S,
    }
)
"""Seconds after which an unchanged value is suspect, for the parameters that have the test unless files say otherwise.

Longer than water stood still by itself in two estuaries and a river, at steps as fine as `accuracy.FINE` has them: a
coarser instrument may rest as many times longer as its steps are coarser. Ozone may rest at nothing through a night.
"""
FAIL_FACTOR: Final = 2.0
"""A value fails after twice as long."""
SHARE: Final = 0.5
"""Least share of the expected readings in the time."""


def flat_lines(readings: TestedReadings, after_s: Floats, interval_s: Floats) -> Verdicts:
    """Judge readings.

    Args:
        readings: of one or more channels.
        after_s: how long a value may stay the same, one a reading.
        interval_s: of the channel, one a reading.
    """
    flags, scores = np.full(len(readings), Quality.NOT_EVALUATED, np.int8), np.full(len(readings), np.nan)
    fit = readings.fit()
    series = readings.series[fit]
    bounds = np.flatnonzero(np.r_[True, series[1:] != series[:-1], True]) if len(fit) else np.zeros(0, np.intp)
    for start, end in pairwise(bounds.tolist()):
        own = fit[start:end]
        flags[own], scores[own] = _of_one(
            readings.time_us[own], readings.value[own], float(after_s[own[0]]), float(interval_s[own[0]])
        )
    return Verdicts(flags, scores)


def _of_one(time: npt.NDArray[np.int64], value: Floats, after_s: float, interval_s: float) -> Verdicts:
    """Judge the fit readings of one channel."""
    changes = np.flatnonzero(np.r_[True, value[1:] != value[:-1]])
    start = changes[np.searchsorted(changes, np.arange(len(value)), side="right") - 1]
    moved = np.where(start > 0, time[start - 1], np.int64(-(2**62)))
    found, ceiling = np.full(len(value), Quality.GOOD, np.int8), np.ones(len(value))
    for flag, length_s in ((Quality.SUSPECT, after_s), (Quality.FAIL, FAIL_FACTOR * after_s)):
        length_us = np.int64(round(length_s * 1e6))
        first = np.searchsorted(time, time - length_us, side="left")
        there = np.arange(len(value)) - first + 1
        is_flat = (time - moved > length_us) & (there >= SHARE * length_s / interval_s)
        found[is_flat], ceiling[is_flat] = flag, FAIL_FACTOR
    return Verdicts(found, np.minimum((time - moved) / (1e6 * after_s), ceiling))


def moving(readings: TestedReadings, since_us: npt.NDArray[np.int64], after_s: Floats) -> Mask:
    """Tell for each series whether all its readings from a time on moved within the limit, so that none is flat.

    They did where a value before that time differs from the first one after it, and is not older than the limit at the
    last reading of the series. False: what is loaded does not say.

    Args:
        readings: of one or more channels, to the newest that there is.
        since_us: from when on readings may be flat, one a series, microseconds since 1970.
        after_s: how long a value may stay the same, one a series.
    """
    fit = readings.fit()
    series, time_us, value = readings.series[fit], readings.time_us[fit], readings.value[fit]
    numbers = np.arange(len(since_us))
    ends = np.searchsorted(series, numbers, side="right")
    before = time_us < since_us[series]
    first = np.searchsorted(series, numbers) + np.bincount(series[before], minlength=len(numbers))
    there = first < ends
    first_value = np.full(len(numbers), np.nan)
    first_value[there] = value[first[there]]
    other = np.flatnonzero(before & (value != first_value[series]))
    moved_us = np.full(len(numbers), np.int64(-(2**62)))
    moved_us[series[other]] = time_us[other]  # of several the last one, for times ascend
    last_us = np.zeros(len(numbers), np.int64)
    last_us[readings.series] = readings.time_us
    return there & (last_us - moved_us <= after_s * 1e6)
