"""Toxic (unionised) ammonia, and the saturation of oxygen, in water. Temperature in °C, salinity in ‰, mg/l."""

from __future__ import annotations

import math
from typing import Final

ZERO_CELSIUS_K: Final = 273.15
AMMONIA_PER_NITROGEN: Final = 17.031 / 14.007
"""mg of NH3 in which there is 1 mg of nitrogen, by the standard atomic masses (IUPAC): N 14.007, H 1.008."""

OXYGEN_FRESH: Final = (-139.34411, 1.575701e5, -6.642308e7, 1.243800e10, -8.621949e11)
OXYGEN_SALT: Final = (1.7674e-2, -10.754, 2140.7)
"""Of the logarithm of saturated oxygen, by powers of 1/K; OXYGEN_SALT by ‰ is taken off (Benson and Krause 1984)."""


def pka_fresh(temperature: float) -> float:
    """Return pKa in fresh water (Emerson and others 1975)."""
    return 0.09018 + 2729.92 / (temperature + ZERO_CELSIUS_K)


def pka_salt(temperature: float, salinity: float) -> float:
    """Return pKa in salt water at 1 atm (EPA 440/5-88-004, 1989, after Hampson).

    At 0 ‰ it is not fresh water's: at pH 8 the share of NH3 is then 1.3 % larger at 25 °C, 2.6 % at 28 °C, 3.7 % at
    30 °C, 6.3 % at 34 °C.
    """
    strength = 19.9273 * salinity / (1000 - 1.005109 * salinity)
    kelvin = temperature + ZERO_CELSIUS_K
    return 9.245 + 0.116 * strength + 0.0324 * (298 - kelvin) + 0.0415 / kelvin


def toxic_share(ph: float, pka: float) -> float:
    """Return the unionised share of total ammonia nitrogen, 0 to 1."""
    return float(1 / (1 + 10 ** (pka - ph)))


def toxic_of_total(tan: float, ph: float, pka: float) -> float:
    """Return NH3 of total ammonia nitrogen (TAN), as a laboratory gives it."""
    return tan * toxic_share(ph, pka) * AMMONIA_PER_NITROGEN


def toxic_of_ammonium(nh4_n: float, ph: float, pka: float) -> float:
    """Return NH3 of the ionised nitrogen N-NH4+, as an ion-selective probe gives it."""
    return float(nh4_n * 10 ** (ph - pka) * AMMONIA_PER_NITROGEN)


def saturated(temperature: float, salinity: float) -> float:
    """Return the dissolved oxygen of saturated water at 1 atm (Benson and Krause 1984, as APHA 4500-O G prints it)."""
    k = temperature + ZERO_CELSIUS_K
    fresh = sum(factor / k**power for power, factor in enumerate(OXYGEN_FRESH))
    salt = sum(factor / k**power for power, factor in enumerate(OXYGEN_SALT))
    return math.exp(fresh - salinity * salt)


def saturation(do: float, temperature: float, salinity: float) -> float:
    """Return dissolved oxygen as a share of saturation, percent."""
    return 100 * do / saturated(temperature, salinity)
