"""Turbidity that is not the water's: bursts before the window, and growth upon it. Pure, on arrays.

Both tests compare logarithms, for turbidity varies by factors: what is a factor of three beside 5 NTU is one beside 50.
What they see: a shell, weed, bubble or shrimp before the optical window for a few readings; a window that is overgrown
or a wiper that sticks, so that the lowest value of most of a day stays high. What they cannot see: growth so slow that
weeks are already high. A flood that comes within a day and stays looks like growth: where level or salt show it,
`fouled` says nothing, and else it only suspects.

Source: NERRS Centralized Data Management Office, CDMO NERR SWMP Data Management Manual, on spikes and fouling of
turbidity; limits were chosen on a year of one estuary and tried on two other stations (docs/quality.md).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.past import BLOCK_S, REACH_S, WEEK, Blocks, end_within, first_within, lowest, mean_within
from quantrac.quality.series import DeviceSeries, Evidence, Flags, Floats, Mask
from quantrac.telemetry.quality import Quality

BURST: Final = "burst"
FOULED: Final = "fouled"
CLEAR_NTU: Final = 3.0
"""Differences far below this are nothing: it is added before the logarithm."""
BESIDE_S: Final = 3600.0
"""A burst stands above the lowest value of so long before it and of so long after it, seconds."""
HIGHER: Final = 1.2
"""Natural logarithm by which it does: 3.3 times. Twice that fails: 11 times."""
STRETCH_S: Final = 18 * 3600.0
"""Fouled is what never falls in so long, more than a tide, seconds."""
DAY_S: Final = 25 * 3600.0
"""A day of sun and tides, seconds."""
RAISED: Final = 1.0
"""Natural logarithm by which the lowest value of that time exceeds what was usual in the weeks before."""
WEEKS: Final = 4 * WEEK
"""Blocks of what is usual: growth lasts a week and more, and after half of the time it would be usual itself."""
FLOOD: Final = {"water_level": 1.0, "ec": -1.0, "salinity": -1.0}
"""What a flood or a storm raises (1) and lowers (-1); it brings mud."""
RARE: Final = 0.9
"""Share of the weeks' hours beyond which it is one."""
BEYOND: Final = 1e-6
"""By so much at least: water that stays as it is is no flood, and its mean is not exactly itself."""
LEAST: Final = 6
"""So many values must be there in that time."""
BACK_S: Final = REACH_S + (WEEKS - WEEK) * BLOCK_S + DAY_S


def burst(series: DeviceSeries) -> list[Evidence]:
    """Judge turbidity: a value that stands far above the hours on both sides."""
    height = _height(series)
    places = np.arange(len(series))
    before = lowest(height, first_within(series.time_us, BESIDE_S), places)
    after = lowest(height, places + 1, end_within(series.time_us, BESIDE_S))
    above = height - np.maximum(before, after)
    flag = _flags(above, HIGHER)
    flag[above >= 2 * HIGHER] = Quality.FAIL
    beside = np.exp(np.maximum(before, after)) - CLEAR_NTU
    return [Evidence(BURST, "turbidity", flag, above / HIGHER, {"beside": beside})]


def fouled(series: DeviceSeries) -> list[Evidence]:
    """Judge turbidity: most of a day that never comes down to what was usual, and is no flood."""
    height = _height(series)
    places = np.arange(len(series))
    first = first_within(series.time_us, STRETCH_S)
    there = np.concatenate([[0], np.cumsum(~np.isnan(height))])
    enough = there[places + 1] - there[first] >= LEAST
    floor = np.where(enough, lowest(height, first, places + 1), np.nan)
    blocks = Blocks.of(series.time_us)
    usual = blocks.usual(blocks.quantile(height, 0.5), 0.5, blocks=WEEKS)
    above = np.where(np.isnan(height), np.nan, floor - usual)
    raised = above >= RAISED
    if raised.any():
        above[raised & _is_flood(series, blocks)] = 0.0
    about = {"floor": np.exp(floor) - CLEAR_NTU, "usual": np.exp(usual) - CLEAR_NTU}
    return [Evidence(FOULED, "turbidity", _flags(above, RAISED), above / RAISED, about)]


def _is_flood(series: DeviceSeries, blocks: Blocks) -> Mask:
    """Tell where the day's mean lies beyond nine in ten hours of the weeks before: high water, or fresh water."""
    flood = np.zeros(len(series), np.bool_)
    first, end = first_within(series.time_us, DAY_S), np.arange(1, len(series) + 1)
    for name, sign in FLOOD.items():
        if name in series.values:
            value = sign * series.values[name]
            usual = blocks.usual(blocks.quantile(value, 0.5), RARE, blocks=WEEKS)
            flood |= mean_within(value, first, end) > usual + BEYOND
    return flood


def _height(series: DeviceSeries) -> Floats:
    return np.log(np.maximum(series.values["turbidity"], 0.0) + CLEAR_NTU)


def _flags(above: Floats, limit: float) -> Flags:
    flag = np.where(above >= limit, Quality.SUSPECT, Quality.GOOD).astype(np.int8)
    flag[np.isnan(above)] = Quality.NOT_EVALUATED
    return flag
