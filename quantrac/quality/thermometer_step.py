"""A thermometer that has jumped: a temperature that moves at once, and stays moved for days. Pure, on arrays.

What it sees: a sonde that was put back with a thermometer some degrees off, from a day after that until the temperature
jumps back, for half a month at most. Water does not move two degrees between two readings and keep them for a day: in
five years and eight months of two estuaries and a river it did not once. Which side of a jump is wrong is told by what
came before: a jump back by about as much ends the error. What it cannot see: an error that lasts longer than
five weeks is taken for right, and its end for an error; cold water that a dam lets out for days looks the same. It only
suspects.

Source: the limits are ours: the largest lasting move of water there was 1.8 °C between two readings (a cold front).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.past import (
    REACH_S,
    Blocks,
    Places,
    end_within,
    first_within,
    highest,
    hours_within,
    lowest,
    mean_within,
)
from quantrac.quality.series import DeviceSeries, Evidence, Floats, Times
from quantrac.quality.thermometer import COLDEST, WARMEST
from quantrac.telemetry.quality import Quality

TEST: Final = "thermometer_step"
STEP_C: Final = 2.0
"""A jump that no water makes, °C."""
TIMES: Final = 2.0
"""It is so many times as large as what the roughest hours of the week before had."""
ROUGHEST: Final = 0.95
"""Share of the week's blocks that are no rougher."""
RETURN_C: Final = 1.0
"""A jump back may be as small as this, °C, for the water moves meanwhile."""
ALIKE: Final = 0.6
"""Of two jumps that belong together the smaller is so much of the larger at least."""
BESIDE_S: Final = 3600.0
"""All readings of so long before a jump lie on one side of all readings of so long after it, seconds."""
APART_S: Final = 3 * 3600.0
"""The readings on both sides of it lie no further apart, seconds."""
DAY_S: Final = 25 * 3600.0
"""The mean of such a day after it differs from that of the day before, seconds."""
KEPT: Final = 0.5
"""By so much of the jump."""
HOURS: Final = 8
"""In so many hours of both days there are values."""
KNOWN_S: Final = 14 * 86400.0
"""Of a shorter time before a jump nobody knows whether it ends an error, seconds."""
BEFORE_S: Final = 35 * 86400.0
"""So far before it a jump the other way is looked for, seconds."""
LASTS_S: Final = 17 * 86400.0
"""So long after it the temperature is suspect, seconds."""
BACK_S: Final = LASTS_S + max(BEFORE_S, REACH_S) + APART_S


def thermometer_step(series: DeviceSeries) -> list[Evidence]:
    """Judge the temperature of water."""
    temperature = series.values["water_temp"]
    there = np.flatnonzero((temperature >= COLDEST) & (temperature <= WARMEST))
    time_us = series.time_us[there]
    moved = np.zeros(len(series))
    moved[there] = _off_by(time_us, temperature[there])
    flag = np.where(moved != 0, Quality.SUSPECT, Quality.GOOD).astype(np.int8)
    flag[np.isnan(temperature)] = Quality.NOT_EVALUATED
    return [Evidence(TEST, "water_temp", flag, np.abs(moved) / STEP_C, {"moved": moved})]


def _off_by(time_us: Times, value: Floats) -> Floats:
    """Return by how much the thermometer has jumped and not come back, °C; 0: it has not."""
    off = np.zeros(len(value))
    if not (np.abs(np.diff(value)) >= STEP_C).any():
        return off
    step = _steps(time_us, value)
    returns = np.flatnonzero(np.abs(step) >= RETURN_C)
    for place in _lasting(time_us, value, step):
        size = abs(step[place])
        others = returns[np.sign(step[returns]) != np.sign(step[place])]
        sizes = np.abs(step[others])
        others = others[np.minimum(sizes, size) >= ALIKE * np.maximum(sizes, size)]
        behind, ahead = others[others < place], others[others > place]
        if len(behind) and time_us[place] - time_us[behind[-1]] <= BEFORE_S * 1e6:
            continue
        since = np.searchsorted(time_us, time_us[place] + round(DAY_S * 1e6))
        until = np.searchsorted(time_us, time_us[place] + round(LASTS_S * 1e6), side="right")
        own = slice(since, min(until, ahead[0]) if len(ahead) else until)
        off[own] = np.where(np.abs(off[own]) < size, step[place], off[own])
    return off


def _steps(time_us: Times, value: Floats) -> Floats:
    """Return by how much all readings of the hour from each on lie above (or below) all of the hour before it, °C."""
    places = np.arange(len(value))
    before, after = (
        np.minimum(first_within(time_us, BESIDE_S), np.maximum(places - 1, 0)),
        end_within(time_us, BESIDE_S),
    )
    rise = lowest(value, places, after) - highest(value, before, places)
    fall = lowest(value, before, places) - highest(value, places, after)
    step: Floats = np.maximum(rise, 0) - np.maximum(fall, 0)
    step[np.diff(time_us, prepend=np.iinfo(np.int64).min // 2) > APART_S * 1e6] = 0
    return np.asarray(np.nan_to_num(step), np.float64)


def _lasting(time_us: Times, value: Floats, step: Floats) -> Places:
    """Return the places of jumps that no water makes, and that a day keeps."""
    places, blocks = np.arange(len(value)), Blocks.of(time_us)
    usual = np.nan_to_num(blocks.usual(blocks.quantile(np.abs(step), 1.0), ROUGHEST))
    first, end = first_within(time_us, DAY_S), end_within(time_us, DAY_S)
    change = mean_within(value, places, end) - mean_within(value, first, places)
    known = time_us - time_us[first_within(time_us, BEFORE_S)] >= KNOWN_S * 1e6
    large = np.abs(step) >= np.maximum(STEP_C, TIMES * usual)
    kept = change * np.sign(step) >= KEPT * np.abs(step)
    hours = np.minimum(hours_within(time_us, value, first, places), hours_within(time_us, value, places, end))
    return np.flatnonzero(large & kept & known & (hours >= HOURS))
