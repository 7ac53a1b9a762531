"""A broken thermometer, and all that is compensated with it. Pure, on arrays.

What it sees: a temperature that no open water has. Salinity, conductivity at 25 °C, oxygen and pH are computed with the
temperature of the same sonde, so they are as wrong as it is. What it cannot see: a thermometer some degrees off.

Source: sea water of 40 ‰ freezes at -2.2 °C (TEOS-10); open water above 45 °C is that of hot springs, as the parameter
catalogue has it. On a sonde the temperature enters conductivity by about 2 % a degree.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.series import DeviceSeries, Evidence, Floats
from quantrac.telemetry.quality import Quality

TEST: Final = "thermometer"
COLDEST: Final = -2.5
"""°C."""
WARMEST: Final = 45.0
"""°C."""
COMPENSATED: Final = ("ec", "salinity", "tds", "do", "do_sat", "ph", "nh4_n")
"""What a sonde computes with its temperature."""


def thermometer(series: DeviceSeries) -> list[Evidence]:
    """Judge a device with a thermometer in water: it and all that it corrects fail together."""
    value = series.values["water_temp"]
    beyond = np.fmax(value - WARMEST, COLDEST - value)
    flag = np.where(beyond > 0, Quality.FAIL, Quality.GOOD).astype(np.int8)
    flag[np.isnan(value)] = Quality.NOT_EVALUATED
    about: dict[str, Floats] = {"temperature": value}
    parameters = ["water_temp", *(name for name in COMPENSATED if name in series.values)]
    return [Evidence(TEST, name, flag, 1 + beyond, about) for name in parameters]
