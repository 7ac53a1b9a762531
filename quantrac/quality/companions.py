"""Two parameters of one instrument that must agree, and do not. Pure, on arrays.

- `oxygen_pair`: oxygen in mg/l against saturation, temperature and salinity: one is computed from the other.
- `salinity_pair`: salinity against conductivity at 25 °C, in the same way.
- `dust_pair`: fine dust is a part of the dust, so PM2.5 exceeds PM10 in no air.
- `nitrogen_pair`: NOx is the sum of NO and NO2.

What they see: a channel that is scaled or mapped wrongly, a wrong salinity or pressure set in the instrument, one of
the two channels broken. What they cannot see: an error that both share, and which of the two is wrong: both are in
doubt, and neither fails, for one of them is right.

Sources: Benson and Krause 1984 (oxygen, as APHA 4500-O G prints it); UNESCO 1983, Technical Papers in Marine Science
44, and PSS-78 (salinity); molar masses 30.006 and 46.006 (NO as NO2); tolerances are ours, beyond the accuracy of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.polynomial.polynomial import polyval

from quantrac.quality.series import DeviceSeries, Evidence, Floats
from quantrac.telemetry.indices.water_chemistry import OXYGEN_FRESH, OXYGEN_SALT, ZERO_CELSIUS_K
from quantrac.telemetry.quality import Quality

OXYGEN: Final = "oxygen_pair"
SALINITY: Final = "salinity_pair"
DUST: Final = "dust_pair"
NITROGEN: Final = "nitrogen_pair"
NO2_OF_NO: Final = 46.006 / 30.006


def oxygen_pair(series: DeviceSeries) -> list[Evidence]:
    """Judge oxygen given twice, within 10 % (air pressure, heights to 500 m) and 0.4 mg/l."""
    values = series.values
    salinity = values["salinity"] if "salinity" in values else practical_salinity(values["ec"])
    expected = values["do_sat"] / 100 * saturated_oxygen(values["water_temp"], salinity)
    return _pair(OXYGEN, values, ("do", "do_sat"), values["do"], expected, 0.10 * expected + 0.4)


def salinity_pair(series: DeviceSeries) -> list[Evidence]:
    """Judge salinity beside conductivity, within 5 % and 0.5 ‰.

    An instrument may give conductivity as it is at the water's own temperature: what fits one of both is good.
    """
    values = series.values
    salinity = values["salinity"]
    at_25 = practical_salinity(values["ec"])
    expected = at_25
    if "water_temp" in values:
        as_it_is = practical_salinity(values["ec"], values["water_temp"])
        nearer = np.abs(salinity - as_it_is) < np.abs(salinity - at_25)
        expected = np.where(nearer, as_it_is, at_25)
    return _pair(SALINITY, values, ("salinity", "ec"), salinity, expected, 0.05 * np.abs(expected) + 0.5)


def dust_pair(series: DeviceSeries) -> list[Evidence]:
    """Judge PM2.5 beside PM10, beyond 10 % and 5 µg/m³."""
    fine, all_dust = series.values["pm2_5"], series.values["pm10"]
    room = 0.1 * np.abs(all_dust) + 5
    return _evidence(DUST, series.values, ("pm2_5", "pm10"), (fine - all_dust) / room, fine, all_dust)


def nitrogen_pair(series: DeviceSeries) -> list[Evidence]:
    """Judge NO and NO2 beside NOx, within 10 % and 10 µg/m³. NOx may be given as NO2 or as the sum of both masses."""
    values = series.values
    no, no2, nox = values["no"], values["no2"], values["nox"]
    as_no2, as_sum = NO2_OF_NO * no + no2, no + no2
    expected = np.where(np.abs(nox - as_no2) <= np.abs(nox - as_sum), as_no2, as_sum)
    return _pair(NITROGEN, values, ("no", "no2", "nox"), nox, expected, 0.1 * np.abs(nox) + 10)


def saturated_oxygen(temperature: Floats, salinity: Floats) -> Floats:
    """Return the oxygen of saturated water at 1 atm, mg/l, of °C and ‰ (Benson and Krause 1984)."""
    by_kelvin = 1 / (temperature + ZERO_CELSIUS_K)
    return np.exp(polyval(by_kelvin, OXYGEN_FRESH) - salinity * polyval(by_kelvin, OXYGEN_SALT))


def practical_salinity(ec: Floats, temperature: Floats | float = 25.0) -> Floats:
    """Return the salinity (PSS-78) of conductivity in mS/cm at a temperature in °C, at the surface; 0 below 0.

    Source: UNESCO 1983, Technical Papers in Marine Science 44, with Hill and others' formula left out: below 2 ‰ it
    differs by less than 0.01.
    """
    t = 1.00024 * np.asarray(temperature, np.float64)
    ratio_t = 0.6766097 + t * (2.00564e-2 + t * (1.104259e-4 + t * (-6.9698e-7 + t * 1.0031e-9)))
    root = np.sqrt(np.maximum(ec, 0) / 42.914 / ratio_t)
    first = 0.0080 + root * (-0.1692 + root * (25.3851 + root * (14.0941 + root * (-7.0261 + root * 2.7081))))
    second = 0.0005 + root * (-0.0056 + root * (-0.0066 + root * (-0.0375 + root * (0.0636 - root * 0.0144))))
    return np.where(ec <= 0, 0.0, np.maximum(first + (t - 15) / (1 + 0.0162 * (t - 15)) * second, 0))


def _pair(
    test: str, values: Mapping[str, Floats], parameters: tuple[str, ...], given: Floats, expected: Floats, room: Floats
) -> list[Evidence]:
    return _evidence(test, values, parameters, np.abs(given - expected) / room, given, expected)


def _evidence(
    test: str, values: Mapping[str, Floats], parameters: tuple[str, ...], score: Floats, given: Floats, expected: Floats
) -> list[Evidence]:
    """Doubt all the parameters of a pair from a score of 1 on."""
    found = np.where(score >= 1, Quality.SUSPECT, Quality.GOOD)
    flag = np.where(np.isnan(score), Quality.NOT_EVALUATED, found).astype(np.int8)
    return [
        Evidence(
            test,
            name,
            np.where(np.isnan(values[name]), Quality.NOT_EVALUATED, flag).astype(np.int8),
            score,
            {"given": given, "expected": expected},
        )
        for name in parameters
    ]
