"""Conductivity, salinity and oxygen of water, consistent with each other.

Salinity: PSS-78 (UNESCO technical paper 44, 1983) at the surface. Temperature is used as given: the difference between
the scales of 1968 and 1990 (0.02 %) is far below any probe. Specific conductance: 1.91 %/°C, as sondes reckon it.
Oxygen: Benson and Krause (1984) for water in equilibrium with moist air at 1013.25 hPa.
"""

import math

SEAWATER_MS_CM = 42.914  # conductivity at S = 35, 15 °C (Culkin and Smith, 1980)
TEMPERATURE_COEFFICIENT = 0.0191

_A = (0.0080, -0.1692, 25.3851, 14.0941, -7.0261, 2.7081)
_B = (0.0005, -0.0056, -0.0066, -0.0375, 0.0636, -0.0144)
_C = (0.6766097, 2.00564e-2, 1.104259e-4, -6.9698e-7, 1.0031e-9)
_K = 0.0162


def salinity(conductivity: float, temperature: float) -> float:
    """Practical salinity from conductivity (mS/cm) and temperature (°C)."""
    ratio = conductivity / SEAWATER_MS_CM / _polynomial(_C, temperature)
    root = math.sqrt(max(ratio, 0.0))
    lift = (temperature - 15) / (1 + _K * (temperature - 15))
    return _polynomial(_A, root) + lift * _polynomial(_B, root)


def conductivity(practical_salinity: float, temperature: float) -> float:
    """Conductivity (mS/cm) of water of a salinity and temperature (°C): the inverse of `salinity`, by bisection."""
    low, high = 0.0, 120.0
    for _ in range(40):
        middle = (low + high) / 2
        if salinity(middle, temperature) < practical_salinity:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def specific(conductivity_ms_cm: float, temperature: float) -> float:
    """Specific conductance at 25 °C of a conductivity at `temperature` (°C), same unit."""
    return conductivity_ms_cm / (1 + TEMPERATURE_COEFFICIENT * (temperature - 25))


def actual(specific_ms_cm: float, temperature: float) -> float:
    """Conductivity at `temperature` (°C) of a specific conductance at 25 °C, same unit."""
    return specific_ms_cm * (1 + TEMPERATURE_COEFFICIENT * (temperature - 25))


def oxygen_at_saturation(temperature: float, practical_salinity: float) -> float:
    """Dissolved oxygen at 100 % saturation, mg/l, from temperature (°C) and salinity."""
    kelvin = temperature + 273.15
    fresh = _polynomial((-139.34411, 1.575701e5, -6.642308e7, 1.243800e10, -8.621949e11), 1 / kelvin)
    salt = _polynomial((1.7674e-2, -1.0754e1, 2.1407e3), 1 / kelvin)
    return math.exp(fresh - practical_salinity * salt)


def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    total = 0.0
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
