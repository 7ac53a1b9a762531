"""Erratic values: a sensor that jumps about far more than at its roughest in the week before. Pure, on arrays.

What it sees: a failing sensor or cable, a rough thermometer, water in a connector, each in a quarter of a day. What it
cannot see: a sensor that fails smoothly, and one that has been erratic for days: then it is the usual. A front that
passes to and fro with the tide is rough, too, but it does so every day; a single spike is the spike test's.

Source: the residual |V(n) - (V(n-1) + V(n+1)) / 2| of QARTOD's spike test; here it is measured by the sensor's own
week, it counts only beyond the accuracy of sondes, and a share of a quarter of a day must exceed it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.past import REACH_S, Blocks, Places, first_within, mean_within, steps
from quantrac.quality.series import DeviceSeries, Evidence, Floats, Mask, Times
from quantrac.telemetry.quality import Quality

TEST: Final = "erratic"
WINDOW_S: Final = 6 * 3600.0
"""Time over which roughness is taken, seconds."""
ROUGHEST: Final = 0.9
"""Share of the week's blocks that are no rougher than what is usual."""
TIMES: Final = 3.0
"""A residual so many times as large is rough."""
SHARE: Final = 0.4
"""Where so many of the residuals are rough, the sensor is in doubt; it fails where twice as many are."""
LEAST: Final = 5
"""So many residuals must be there in that time: after a gap one of one says nothing. Hourly readings have six."""
APART: Final = 3.0
"""Neighbours lie no further apart than so many times what was usual in the week before."""
ACCURACY: Final = {"water_temp": 0.1, "ec": 0.01, "salinity": 0.2, "do_sat": 1.0, "do": 0.1, "ph": 0.1}
"""Of sondes in the field, in the parameter's unit; the parameters that have the test."""
RELATIVE: Final = {"ec": 0.0025}
"""Accuracy that grows with the value, as a share of it."""
BACK_S: Final = REACH_S + 2 * WINDOW_S


def erratic(series: DeviceSeries) -> list[Evidence]:
    """Judge each parameter of a sonde against its own week."""
    blocks = Blocks.of(series.time_us)
    first = first_within(series.time_us, WINDOW_S)
    near = _near(series.time_us, blocks)
    return [_of_one(name, series.values[name], blocks, first, near) for name in ACCURACY if name in series.values]


def _near(time_us: Times, blocks: Blocks) -> Mask:
    """Tell which readings have their neighbours beside them: what lies behind a gap is none."""
    step = steps(time_us)
    longest = APART * blocks.usual(blocks.quantile(step, 0.5), 0.5)
    return (step <= longest) & (np.append(step[1:], np.nan) <= longest)


def _of_one(name: str, value: Floats, blocks: Blocks, first: Places, near: Mask) -> Evidence:
    residual = np.full(len(value), np.nan)
    residual[1:-1] = np.abs(value[1:-1] - (value[:-2] + value[2:]) / 2)
    # The newest residual needs the reading to come: it is left out, so that no verdict ever changes.
    end = np.maximum(np.arange(len(value)), first)
    usual = blocks.usual(blocks.quantile(mean_within(residual, first, end), 1.0), ROUGHEST) + ACCURACY[name]
    if name in RELATIVE:
        usual = usual + RELATIVE[name] * blocks.usual(blocks.quantile(np.abs(value), 0.5), 0.5)
    rough = np.where(near & ~np.isnan(residual * usual), residual > TIMES * usual, np.nan)
    known = np.concatenate([[0], np.cumsum(~np.isnan(rough))])
    share = np.where(known[end] - known[first] >= LEAST, mean_within(rough, first, end), np.nan)
    found = np.select([share >= 2 * SHARE, share >= SHARE], [Quality.FAIL, Quality.SUSPECT], Quality.GOOD)
    flag = np.where(np.isnan(share * usual) | np.isnan(value), Quality.NOT_EVALUATED, found).astype(np.int8)
    return Evidence(TEST, name, flag, share / SHARE, {"rough": 100 * share, "usual": usual})
