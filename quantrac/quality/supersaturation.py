"""Oxygen that two nights do not bring down: a probe that reads high. Pure, on arrays.

What it sees: an oxygen probe that was calibrated wrongly, or drifts up, so that it shows more than water keeps. By day
plants make more oxygen than water holds, by night all that lives in it breathes and the surface gives it back. What it
cannot see: a probe that reads high in water that lacks oxygen. Below a spillway, and in cold water after a bloom, there
may be so much: it only suspects.

Source: limits are ours: of two estuaries and a river one winter reached 112 % for less than two days. Oxygen in water
goes with the pressure of the air: high above the sea the limit is as much lower (ISO 2533: 85 % of the pressure at sea
level is left at 1,350 m).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.companions import practical_salinity, saturated_oxygen
from quantrac.quality.past import first_within, hours_within, lowest
from quantrac.quality.series import DeviceSeries, Evidence, Floats
from quantrac.telemetry.quality import Quality

TEST: Final = "supersaturated"
MOST: Final = 110.0
"""Water is not above this saturation for two days on end, % of that at sea level."""
DAYS_S: Final = 49 * 3600.0
"""Two nights, wherever they begin, seconds."""
LEAST: Final = 36
"""In so many of its hours there must be values."""
OXYGEN: Final = ("do_sat", "do")


def supersaturated(series: DeviceSeries) -> list[Evidence]:
    """Judge oxygen: by its saturation, or by mg/l beside temperature."""
    saturation = _saturation(series)
    first, end = first_within(series.time_us, DAYS_S), np.arange(1, len(series) + 1)
    kept = lowest(saturation, first, end)
    kept[hours_within(series.time_us, saturation, first, end) < LEAST] = np.nan
    score = kept / MOST
    found = []
    for name in OXYGEN:
        if name in series.values:
            flag = np.where(score >= 1, Quality.SUSPECT, Quality.GOOD).astype(np.int8)
            flag[np.isnan(score) | np.isnan(series.values[name])] = Quality.NOT_EVALUATED
            found.append(Evidence(TEST, name, flag, score, {"kept": kept}))
    return found


def _saturation(series: DeviceSeries) -> Floats:
    """Return the saturation, %; where nobody measures salt, that of fresh water, which is less."""
    values = series.values
    if "do_sat" in values:
        return values["do_sat"]
    if "do" not in values or "water_temp" not in values:
        return np.full(len(series), np.nan)
    salinity = values.get("salinity", practical_salinity(values["ec"]) if "ec" in values else np.zeros(len(series)))
    full = saturated_oxygen(values["water_temp"], np.nan_to_num(salinity))
    return np.asarray(100 * values["do"] / full, np.float64)
