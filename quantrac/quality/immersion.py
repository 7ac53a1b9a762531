"""Out of water: the conductivity of what the device stands in is that of air. Pure, on arrays.

What it sees: a probe in air, in its cup, or lifted for a service. The conductivity falls to nothing at once, so all
that the device measures in water is no value of it, if thermometer or level bear it out: else the conductivity sensor
alone may be broken. Air is full of oxygen: a device that measures little of it stands in water, as when a sluice lets
fresh water in. Without oxygen that cannot be told from drops that still conduct: only the level bears those out. What
it cannot see: a probe that hangs at a wrong depth; air as warm as the water; drops on a probe that was lifted between
hourly readings.

Source: the limits are ours. Below 20 µS/cm there is rain and melted snow, and hardly a river (Hem 1985, USGS
Water-Supply Paper 2254). The fall relative to the day before serves salt water, where drops on the probe still conduct:
a tide brings no fall to a twentieth of the day's lowest. An opened sluice does within an hour, but not within minutes.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.companions import saturated_oxygen
from quantrac.quality.past import Places, first_within, highest, lowest, mean_within
from quantrac.quality.series import DeviceSeries, Evidence, Floats, Mask
from quantrac.quality.thermometer import COLDEST, WARMEST
from quantrac.telemetry.parameters import WATER
from quantrac.telemetry.quality import Quality

TEST: Final = "out_of_water"
IN_AIR_MS: Final = 0.02
"""Up to this no river, lake or sea conducts, mS/cm. (Fresh water may have no salinity.)"""
WET: Final = {"ec": 0.5, "salinity": 0.25}
"""Drops on a probe measure no more than this, mS/cm, ‰."""
SHARE: Final = 0.05
"""Of the lowest value of the day before that no drops can measure: a fall to it is none of the water."""
MOSTLY: Final = 0.5
"""Share of the day's readings above that: the water is salt, and no glitch of the sensor made it so."""
CONDUCTING: Final = frozenset({"ec", "salinity", "tds"})
"""What is measured by conducting."""
FALLEN_S: Final = 1800.0
"""A probe that is lifted is out within so long, seconds; a canal is not as fresh so soon."""
LEFT_C: Final = 0.5
"""By so much the temperature leaves the range of the day's water, °C."""
IN_AIR_SATURATION: Final = 70.0
"""Less oxygen than this no probe measures in air, %; the pressure at 2,500 m leaves 74 %."""
SHALLOW_M: Final = 0.2
"""Level at which a device may stand dry, m."""
WITNESS_S: Final = 6 * 3600.0
"""So long a witness holds, seconds."""
DAY_S: Final = 25 * 3600.0
"""A day of tides, seconds."""
BACK_S: Final = DAY_S + WITNESS_S
IN_WATER: Final = frozenset(parameter.id for parameter in WATER) - {"water_level", "flow", "transparency"}
"""What is measured in the water itself, so that a device in air measures none of it."""


def out_of_water(series: DeviceSeries) -> list[Evidence]:
    """Judge a device with conductivity or salinity.

    Where nothing conducts, conductivity and salinity fail. Where thermometer or level bear it out within some hours,
    all that the device measures in water fails, also where drops still conduct.
    """
    source = next(name for name in WET if name in series.values)
    value = series.values[source]
    day, places = first_within(series.time_us, DAY_S), np.arange(len(series))
    salt = value > WET[source]
    of_day = lowest(np.where(salt, value, np.nan), day, places)
    of_day[mean_within(salt.astype(np.float64), day, places) < MOSTLY] = np.nan
    nothing = IN_AIR_MS if source == "ec" else -np.inf
    limit = np.fmax(nothing, np.minimum(SHARE * of_day, WET[source]))
    dry = value <= limit
    saturation = _saturation(series)
    at_once = np.minimum(SHARE * highest(value, first_within(series.time_us, FALLEN_S), places), WET[source])
    has_fallen = _holds(value <= at_once, day)
    is_air = (value <= nothing) | ((saturation >= IN_AIR_SATURATION) & has_fallen)
    recent = first_within(series.time_us, WITNESS_S)
    by_level = _holds(dry & _fallen_dry(series, dry, day), recent)
    by_warmth = _holds(dry & _left_the_water(series, dry, day), recent)
    lifted = dry & ~(saturation < IN_AIR_SATURATION) & (by_level | (by_warmth & is_air))
    about: dict[str, Floats] = {"conducts": value}
    score = np.where(dry, limit / np.maximum(value, limit / 100), 0.0)
    found = []
    for name in series.values:
        if name in IN_WATER:
            fails = lifted | (value <= nothing) if name in CONDUCTING else lifted
            flag = np.where(fails, Quality.FAIL, Quality.GOOD).astype(np.int8)
            flag[np.isnan(value) | np.isnan(series.values[name])] = Quality.NOT_EVALUATED
            found.append(Evidence(TEST, name, flag, np.where(fails, score, 0.0), about))
    return found


def _saturation(series: DeviceSeries) -> Floats:
    """Return how much of the oxygen of air the device measures, %; NaN where it does not."""
    if "do_sat" in series.values:
        return series.values["do_sat"]
    if "do" in series.values and "water_temp" in series.values:
        return 100 * series.values["do"] / saturated_oxygen(series.values["water_temp"], np.zeros(len(series)))
    return np.full(len(series), np.nan)


def _holds(witness: Mask, since: Places) -> Mask:
    """Tell where a witness spoke within the time since."""
    spoken = np.concatenate([[0], np.cumsum(witness)])
    return spoken[1:] > spoken[since]


def _left_the_water(series: DeviceSeries, dry: Mask, day: Places) -> Mask:
    """Tell where the temperature has left that of the day's water."""
    if "water_temp" not in series.values:
        return np.zeros(len(series), np.bool_)
    temperature, places = series.values["water_temp"], np.arange(len(series))
    # Exactly nothing of both is a sonde that gives nothing, not one in air; what no water has is no witness.
    possible = (temperature != 0) & (temperature >= COLDEST) & (temperature <= WARMEST)
    temperature = np.where(possible, temperature, np.nan)
    wet = np.where(dry, np.nan, temperature)
    above, below = highest(wet, day, places) + LEFT_C, lowest(wet, day, places) - LEFT_C
    # Of some hours nobody knows the range of a day: a conductivity that was broken for most of it is no witness.
    is_known = mean_within(np.isfinite(wet).astype(np.float64), day, places) >= MOSTLY
    return is_known & ((temperature > above) | (temperature < below))


def _fallen_dry(series: DeviceSeries, dry: Mask, day: Places) -> Mask:
    """Tell where the level lies below the day's and near zero."""
    if "water_level" not in series.values:
        return np.zeros(len(series), np.bool_)
    level = series.values["water_level"]
    wet = np.where(dry, np.nan, level)
    return (level < lowest(wet, day, np.arange(len(series)))) & (np.abs(level) < SHALLOW_M)
