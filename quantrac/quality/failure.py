"""A failing sensor: values between impossible ones are no values either. Pure, on arrays.

What it sees: a sensor that gives what cannot be (beyond the range of nature, or nothing at all) again and again: what
it gives between them merely looks possible. Sensors of one sonde that read exactly zero together give nothing, either:
none of oxygen, salt and warmth at once. No oxygen beside a warm thermometer may be true: another sensor may be broken.
What it cannot see: a sensor that fails within the range of what can be.

Source: the rule of technicians that a sensor which fails is withdrawn from its first failure to its repair; the limits
of what can be are the parameter catalogue's, for temperature those of the test `thermometer`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from quantrac.quality.past import end_within, first_within
from quantrac.quality.series import DeviceSeries, Evidence, Floats, Mask
from quantrac.quality.thermometer import COLDEST, WARMEST
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import Quality

TEST: Final = "failing"
BACK_S: Final = 6 * 3600.0
"""So far back impossible values are looked for, seconds."""
AHEAD_S: Final = 2 * 3600.0
"""So far ahead one more is looked for, seconds."""
LEAST: Final = 2
"""So many impossible values before a value, with one after it, make a failing sensor."""
PARAMETERS: Final = ("water_temp", "ec", "salinity", "do", "do_sat", "ph")
"""A turbidity sensor gives impossible values whenever something swims by."""
SENSORS: Final = (("water_temp",), ("ec",), ("do", "do_sat"), ("ph",))
"""What each sensor of a sonde gives. Salinity is none: fresh water may have exactly none of it, in ice water, too."""
OXYGEN: Final = ("do", "do_sat")
TOGETHER: Final = 2
"""Where so many sensors of a sonde read exactly zero at once, they give nothing."""
LOWEST: Final = {"water_temp": COLDEST, "do": -0.5, "do_sat": -5.0, "salinity": -0.5}
"""Where no oxygen or salt is, a sensor may read a little less than that; others have the catalogue's limit."""
DEAD: Final = {"ec": 0.0, "ph": 0.0}
"""At or below this the sensor gives nothing at all. (No oxygen may be true, at the bottom; no salt, in a river.)"""


def failing(series: DeviceSeries) -> list[Evidence]:
    """Judge each parameter of a sonde by what it gave in the hours around."""
    first, end = first_within(series.time_us, BACK_S), end_within(series.time_us, AHEAD_S)
    places = np.arange(len(series))
    zeros = _zeros(series)
    found = []
    for name in PARAMETERS:
        if name not in series.values:
            continue
        value = series.values[name]
        dead = (value == 0) & (zeros >= TOGETHER)
        if name in OXYGEN and "water_temp" in series.values:
            dead &= ~(series.values["water_temp"] > 0)
        impossible = _impossible(name, value) | dead
        counts = np.concatenate([[0], np.cumsum(impossible)])
        before, after = counts[places] - counts[first], counts[end] - counts[places + 1]
        fails = impossible | ((before >= LEAST) & (after > 0))
        flag = np.where(fails, Quality.FAIL, Quality.GOOD).astype(np.int8)
        flag[np.isnan(value)] = Quality.NOT_EVALUATED
        around = (before + impossible + after).astype(np.float64)
        found.append(Evidence(TEST, name, flag, np.where(fails, np.maximum(around, 1), 0.0), {"impossible": around}))
    return found


def _zeros(series: DeviceSeries) -> npt.NDArray[np.intp]:
    """Count the sensors that read exactly zero at each time."""
    zeros = np.zeros(len(series), np.intp)
    for parameters in SENSORS:
        given = [series.values[name] == 0 for name in parameters if name in series.values]
        zeros += np.any(given, axis=0) if given else 0
    return zeros


def _impossible(name: str, value: Floats) -> Mask:
    low, high = CATALOGUE[name].plausible
    if name == "water_temp":
        high = WARMEST
    return (value < LOWEST.get(name, low)) | (value > high) | (value <= DEAD.get(name, -np.inf))
