"""Solubility and saturation of oxygen in water. Temperature in °C, salinity in ‰, oxygen in mg/l."""

from __future__ import annotations

import math

from quantrac.telemetry.indices.ammonia import ZERO_CELSIUS_K


def saturated(temperature: float, salinity: float) -> float:
    """Return the dissolved oxygen of saturated water at 1 atm (Benson and Krause 1984, as APHA 4500-O G prints it)."""
    k = temperature + ZERO_CELSIUS_K
    fresh = -139.34411 + 1.575701e5 / k - 6.642308e7 / k**2 + 1.243800e10 / k**3 - 8.621949e11 / k**4
    salt = salinity * (1.7674e-2 - 10.754 / k + 2140.7 / k**2)
    return math.exp(fresh - salt)


def saturation(do: float, temperature: float, salinity: float) -> float:
    """Return dissolved oxygen as a share of saturation, percent."""
    return 100 * do / saturated(temperature, salinity)
