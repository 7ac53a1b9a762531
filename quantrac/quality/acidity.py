"""pH and oxygen of brackish water against each other: breathing takes oxygen and gives acid. Pure, on arrays.

What it sees: a pH probe that reads high, and an oxygen probe that reads low, for a day or a whole deployment, from the
first day on and without any log: water in which much oxygen is missing cannot have kept the pH of water in balance with
the air. Where the pH itself is higher than such water has, the pH is doubted, else the oxygen, both where both are off.
What it cannot see: a pH that reads low (acid soils and rivers do that), and fresh water, whose pH goes its own way.
It only suspects: water of 2.5 mmol/l alkalinity or more keeps such a pH without oxygen, when it is warm.

Source: carbonate system of sea water (Dickson, Sabine, Christian 2007, Guide to best practices for ocean CO2
measurements): near pH 8.1 in balance with the air; about one mole of CO2 for each mole of oxygen that is used. The
slope for brackish water and the limit were chosen on a year of one estuary and tried on two of another.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.past import first_within, mean_within
from quantrac.quality.series import DeviceSeries, Evidence, Flags, Floats, Mask
from quantrac.telemetry.quality import Quality

TEST: Final = "ph_oxygen"
BRACKISH: Final = {"salinity": 5.0, "ec": 9.0}
"""Least salinity (‰) or conductivity (mS/cm) in which the relation holds."""
IN_BALANCE: Final = 8.05
"""pH at 100 % saturation."""
SLOPE: Final = 0.009
"""pH a per cent of saturation."""
MOST: Final = 200.0
"""More saturation than this, %, counts as this."""
DAY_S: Final = 25 * 3600.0
"""A day of sun and tides, over which the mean is taken, seconds."""
LEAST: Final = 8
"""So many values of both must be there in a day."""
HIGH: Final = 0.35
"""By so much the day's pH exceeds that of its oxygen."""
HIGH_PH: Final = 8.2
"""Above this the pH is doubted."""
LOW_SATURATION: Final = 80.0
"""Below this, %, the oxygen is doubted where the pH is not."""
OXYGEN: Final = ("do_sat", "do")


def ph_oxygen(series: DeviceSeries) -> list[Evidence]:
    """Judge pH and oxygen of a device in brackish water."""
    source = next(name for name in BRACKISH if name in series.values)
    ph, saturation = series.values["ph"], series.values["do_sat"]
    excess = ph - IN_BALANCE - SLOPE * (np.clip(saturation, 0, MOST) - 100)
    excess = np.where(series.values[source] >= BRACKISH[source], excess, np.nan)
    first, end = first_within(series.time_us, DAY_S), np.arange(1, len(series) + 1)
    there = np.concatenate([[0], np.cumsum(~np.isnan(excess))])
    day = np.where(there[end] - there[first] >= LEAST, mean_within(excess, first, end), np.nan)
    about = {"above": day, "saturation": mean_within(saturation, first, end)}
    doubted = {"ph": ph > HIGH_PH} | dict.fromkeys(OXYGEN, (saturation < LOW_SATURATION) & (ph <= HIGH_PH))
    return [
        Evidence(TEST, name, _flags(day, doubt, series.values[name]), day / HIGH, about)
        for name, doubt in doubted.items()
        if name in series.values
    ]


def _flags(day: Floats, doubted: Mask, value: Floats) -> Flags:
    flag = np.where(doubted & (day >= HIGH), Quality.SUSPECT, Quality.GOOD).astype(np.int8)
    flag[np.isnan(day) | np.isnan(value)] = Quality.NOT_EVALUATED
    return flag
