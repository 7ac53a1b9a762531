"""Attenuated signals: a sensor whose day has lost its rise and fall while the rest of the sonde keeps its own. Pure.

What it sees: a thermometer or an oxygen probe that is buried, capped, overgrown or dead, whose value still flickers, so
that nothing is flat or frozen. What it cannot see: a day that calms all the sonde (rain, a flood, winter), for then its
companions calm with it; conductivity, pH and turbidity, which floods and fresh water calm by themselves; water that has
hardly any oxygen, where nothing is left to rise and fall. It only suspects.

Source: QARTOD's attenuated signal test, measured by the week and the companions of the sensor in place of fixed limits;
the two shares are ours: on two estuaries and a river at most 0.03 % of good values are blamed.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.past import REACH_S, Blocks, Places, first_within, highest, hours_within, lowest
from quantrac.quality.series import DeviceSeries, Evidence, Flags, Floats, Times
from quantrac.telemetry.quality import Quality

TEST: Final = "attenuated"
DAY_S: Final = 25 * 3600.0
"""A day of sun and tides, seconds."""
LEAST: Final = 12
"""In so many of its hours there must be values."""
CALMEST: Final = 0.1
"""Share of the week's days that are as calm as what is usual."""
LEFT: Final = 0.2
"""No more than this share of the usual rise and fall is left."""
KEPT: Final = 0.8
"""So much of theirs the companions have, in the middle of them."""
COMPANIONS: Final = 2
"""So many of them there must be."""
SENSORS: Final = (
    ("water_temp",), ("ec", "salinity", "tds"), ("do_sat", "do"), ("ph",), ("turbidity",), ("water_level",),
)  # fmt: skip
"""What each sensor of a sonde gives: the first of a row that it has speaks for it."""
JUDGED: Final = {"water_temp": 0.5, "do": 1.0, "do_sat": 15.0}
"""The parameters that have the test, and up to where nature leaves nothing to rise and fall, in their unit: ice."""
BACK_S: Final = REACH_S + DAY_S


def attenuated(series: DeviceSeries) -> list[Evidence]:
    """Judge temperature and oxygen of a sonde by their day beside those of its other sensors."""
    blocks, day = Blocks.of(series.time_us), first_within(series.time_us, DAY_S)
    sensors = _present(series)
    kept = {name: _kept(series.time_us, series.values[name], blocks, day) for name in sensors}
    found = []
    for name in JUDGED:
        if name in kept:
            others = [kept[other] for other in sensors if other != name]
            beside = _middle(others, len(series))
            share, value = kept[name], series.values[name]
            score = np.where(beside >= KEPT, LEFT / np.maximum(share, LEFT / 10), 0.0)
            score[np.isnan(share * beside)] = np.nan
            score[value <= JUDGED[name]] = 0.0
            found.append(Evidence(TEST, name, _flags(score, value), score, {"left": 100 * share}))
    return found


def _present(series: DeviceSeries) -> list[str]:
    """Return the parameters that speak for the sensors that the device has."""
    rows = [[name for name in row if name in series.values] for row in SENSORS]
    return [row[0] for row in rows if row]


def _kept(time_us: Times, value: Floats, blocks: Blocks, day: Places) -> Floats:
    """Return how much of its usual rise and fall a value has had in the day before; NaN: too few hours, or no week."""
    end = np.arange(1, len(value) + 1)
    moved = highest(value, day, end) - lowest(value, day, end)
    moved[hours_within(time_us, value, day, end) < LEAST] = np.nan
    usual = blocks.usual(blocks.quantile(moved, 0.5), CALMEST)
    return np.asarray(moved / np.where(usual > 0, usual, np.nan), np.float64)


def _middle(others: list[Floats], count: int) -> Floats:
    """Return the (lower) middle one of the companions that are known; NaN where they are too few."""
    if len(others) < COMPANIONS:
        return np.full(count, np.nan)
    ascending = np.sort(np.stack(others), axis=0)
    known = len(others) - np.count_nonzero(np.isnan(ascending), axis=0)
    middle = ascending[np.maximum(known - 1, 0) // 2, np.arange(count)]
    return np.where(known >= COMPANIONS, middle, np.nan)


def _flags(score: Floats, value: Floats) -> Flags:
    flag = np.where(score >= 1, Quality.SUSPECT, Quality.GOOD).astype(np.int8)
    flag[np.isnan(score) | np.isnan(value)] = Quality.NOT_EVALUATED
    return flag
