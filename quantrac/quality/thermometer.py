"""A broken thermometer, and all that hangs on it. Pure, on arrays.

What it sees: a temperature that no open water has. Salinity, conductivity at 25 °C, oxygen and pH are computed with the
temperature of the same sonde, so they are as wrong as it is; what else that sonde measures in water is in doubt. What
it cannot see: a thermometer some degrees off.

Source: sea water of 40 ‰ freezes at -2.2 °C (TEOS-10); open water above 45 °C is that of hot springs, as the parameter
catalogue has it. On a sonde the temperature enters conductivity by about 2 % a degree.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from quantrac.quality.series import DeviceSeries, Evidence, Floats
from quantrac.telemetry.parameters import WATER
from quantrac.telemetry.quality import Quality

TEST: Final = "thermometer"
COLDEST: Final = -2.5
"""°C."""
WARMEST: Final = 45.0
"""°C."""
COMPENSATED: Final = ("ec", "salinity", "tds", "do", "do_sat", "ph", "nh4_n")
"""What a sonde computes with its temperature."""
MEASURED: Final = frozenset(parameter.id for parameter in WATER)


def thermometer(series: DeviceSeries) -> list[Evidence]:
    """Judge a device with a thermometer in water: it and all that it corrects fail together, the rest is suspect."""
    value = series.values["water_temp"]
    beyond = np.fmax(value - WARMEST, COLDEST - value)
    about: dict[str, Floats] = {"temperature": value}
    found = []
    for name in series.values:
        if name in MEASURED:
            worst = Quality.FAIL if name == "water_temp" or name in COMPENSATED else Quality.SUSPECT
            flag = np.where(beyond > 0, worst, Quality.GOOD).astype(np.int8)
            flag[np.isnan(value) | np.isnan(series.values[name])] = Quality.NOT_EVALUATED
            found.append(Evidence(TEST, name, flag, 1 + beyond, about))
    return found
