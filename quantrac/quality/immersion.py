"""Out of water: the conductivity of what the device stands in is that of air. Pure, on arrays.

What it sees: a probe in air, in its cup, or lifted for a service. The conductivity falls to nothing at once, so all
that the device measures in water is no value of it. What it cannot see: a probe that hangs at a wrong depth, and one
that left water which is nearly as fresh as rain.

Source: the limits are ours. Below 20 µS/cm there is rain and melted snow, and hardly a river (Hem 1985, USGS
Water-Supply Paper 2254). The fall relative to the day before serves salt water, where drops on the probe still conduct:
a tide brings no fall to a twentieth of the day's lowest.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.past import first_within, lowest_before
from quantrac.quality.series import DeviceSeries, Evidence, Floats
from quantrac.telemetry.parameters import WATER
from quantrac.telemetry.quality import Quality

TEST: Final = "out_of_water"
IN_AIR: Final = {"ec": 0.02, "salinity": 0.01}
"""Up to this no water of a river, a lake or the sea is measured: mS/cm, ‰."""
WET: Final = {"ec": 0.5, "salinity": 0.25}
"""Drops on a probe measure no more than this, mS/cm, ‰."""
SHARE: Final = 0.05
"""Of the lowest value of the day before that no drops can measure: a fall to it is none of the water."""
DAY_S: Final = 25 * 3600.0
"""A day of tides, seconds."""
IN_WATER: Final = frozenset(parameter.id for parameter in WATER) - {"water_level", "flow", "transparency"}
"""What is measured in the water itself, so that a device in air measures none of it."""


def out_of_water(series: DeviceSeries) -> list[Evidence]:
    """Judge a device with conductivity or salinity: in air, all that it measures in water fails."""
    source = next((name for name in IN_AIR if name in series.values), None)
    if source is None:
        return []
    value = series.values[source]
    salt = np.where(value > WET[source], value, np.nan)
    lowest = lowest_before(salt, first_within(series.time_us, DAY_S))
    limit = np.fmax(IN_AIR[source], np.minimum(SHARE * lowest, WET[source]))
    flag = np.where(value <= limit, Quality.FAIL, Quality.GOOD).astype(np.int8)
    flag[np.isnan(value)] = Quality.NOT_EVALUATED
    about: dict[str, Floats] = {"conducts": value, "lowest": lowest}
    score = limit / np.maximum(value, limit / 100)
    return [Evidence(TEST, name, flag, score, about) for name in series.values if name in IN_WATER]
