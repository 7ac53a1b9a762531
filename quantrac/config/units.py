"""Conversion between the unit an instrument sends and the catalogue's unit: `published = measured * factor + shift`.

Units are UCUM codes. Gases are converted from volume to mass per volume at 25 °C and 1013.25 hPa, the reference state
of QCVN 05:2023/BTNMT: µg/m³ = ppb · M / 24.465, M being the molar mass in g/mol; NOx is reckoned as NO2.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Conversion(NamedTuple):
    """A straight line from one unit to another."""

    factor: float
    shift: float = 0.0

    def __call__(self, value: float) -> float:
        """Return the value in the target unit."""
        return value * self.factor + self.shift


IDENTITY: Final = Conversion(1.0)

# unit -> (quantity, factor, shift) to the quantity's first unit
TO_BASE: Final[dict[str, tuple[str, float, float]]] = {
    "Cel": ("temperature", 1.0, 0.0),
    "K": ("temperature", 1.0, -273.15),
    "[degF]": ("temperature", 5 / 9, -160 / 9),
    "mS/cm": ("conductivity", 1.0, 0.0),
    "uS/cm": ("conductivity", 0.001, 0.0),
    "S/m": ("conductivity", 10.0, 0.0),
    "mg/L": ("water concentration", 1.0, 0.0),
    "ug/L": ("water concentration", 0.001, 0.0),
    "g/L": ("water concentration", 1000.0, 0.0),
    "mg{Pt}/L": ("colour", 1.0, 0.0),
    "[PSU]": ("salinity", 1.0, 0.0),
    "g/kg": ("salinity", 1.0, 0.0),
    "[ppth]": ("salinity", 1.0, 0.0),
    "[NTU]": ("turbidity", 1.0, 0.0),
    "[FNU]": ("turbidity", 1.0, 0.0),
    "ug/m3": ("air concentration", 1.0, 0.0),
    "ng/m3": ("air concentration", 0.001, 0.0),
    "mg/m3": ("air concentration", 1000.0, 0.0),
    "m": ("length", 1.0, 0.0),
    "cm": ("length", 0.01, 0.0),
    "mm": ("length", 0.001, 0.0),
    "m/s": ("speed", 1.0, 0.0),
    "km/h": ("speed", 1 / 3.6, 0.0),
    "[kn_i]": ("speed", 1852 / 3600, 0.0),
    "hPa": ("pressure", 1.0, 0.0),
    "kPa": ("pressure", 10.0, 0.0),
    "Pa": ("pressure", 0.01, 0.0),
    "mbar": ("pressure", 1.0, 0.0),
    "V": ("voltage", 1.0, 0.0),
    "mV": ("voltage", 0.001, 0.0),
    "%": ("fraction", 1.0, 0.0),
    "1": ("number", 1.0, 0.0),
    "/h": ("rate", 1.0, 0.0),
    "[ppb]": ("mixing ratio", 1.0, 0.0),
    "[ppm]": ("mixing ratio", 1000.0, 0.0),
    "[pH]": ("pH", 1.0, 0.0),
    "deg": ("angle", 1.0, 0.0),
    "m3/s": ("flow", 1.0, 0.0),
    "L/s": ("flow", 0.001, 0.0),
    "W/m2": ("irradiance", 1.0, 0.0),
    "dB[SPL]": ("sound level", 1.0, 0.0),
    "dBm": ("power level", 1.0, 0.0),
    "ms": ("time", 1.0, 0.0),
    "s": ("time", 1000.0, 0.0),
}

MOLAR_MASS: Final = {
    "o3": 47.998, "so2": 64.064, "no": 30.006, "no2": 46.006, "nox": 46.006, "co": 28.010, "h2s_air": 34.081,
    "nh3_air": 17.031, "hf": 20.006, "hcl": 36.458, "mercury_vapour": 200.592,
}  # fmt: skip
"""g/mol, from the IUPAC standard atomic weights."""
MOLAR_VOLUME: Final = 24.465
"""Litres a mole of ideal gas at 25 °C and 1013.25 hPa: R·T/p with R = 8.314463 J/(mol·K)."""


WRITTEN: Final = {
    "oc": "Cel", "°c": "Cel", "c": "Cel", "độ c": "Cel", "ms/cm": "mS/cm", "us/cm": "uS/cm", "µs/cm": "uS/cm",
    "μs/cm": "uS/cm", "mg/l": "mg/L", "ug/l": "ug/L", "µg/l": "ug/L", "g/l": "g/L", "ntu": "[NTU]", "fnu": "[FNU]",
    "‰": "[PSU]", "ppt": "[PSU]", "psu": "[PSU]", "mv": "mV", "v": "V", "ug/m3": "ug/m3", "µg/m3": "ug/m3",
    "µg/m³": "ug/m3", "ug/nm3": "ug/m3", "µg/nm3": "ug/m3", "mg/m3": "mg/m3", "mg/nm3": "mg/m3", "%": "%", "m": "m",
    "cm": "cm", "mm": "mm", "m/s": "m/s", "hpa": "hPa", "kpa": "kPa", "mbar": "mbar", "m3/s": "m3/s", "m³/s": "m3/s",
    "l/s": "L/s", "w/m2": "W/m2", "w/m²": "W/m2", "dba": "dB[SPL]", "độ": "deg", "°": "deg", "deg": "deg",
    "ppb": "[ppb]", "ppm": "[ppm]", "pt-co": "mg{Pt}/L",
}  # fmt: skip
"""How people, and files for the ministry, write units, lower case, and their UCUM codes."""
FILED: Final = {
    "Cel": "oC", "[pH]": "-", "mg/L": "mg/l", "ug/L": "ug/l", "[NTU]": "NTU", "[PSU]": "ppt", "ug/m3": "µg/m3",
    "W/m2": "W/m2", "dB[SPL]": "dBA", "mg{Pt}/L": "Pt-Co", "1": "-",
}  # fmt: skip
"""How the ministry's files write a unit, where it is not its code: the receivers' own words where they have one (oC,
mg/l, mS/cm, mV, µg/m3)."""


def conversion(from_unit: str, to_unit: str, parameter: str) -> Conversion | None:
    """Return how values of a parameter go from one unit to another; None where they do not."""
    if from_unit == to_unit:
        return IDENTITY
    if from_unit not in TO_BASE or to_unit not in TO_BASE:
        return None
    quantity, factor, shift = TO_BASE[from_unit]
    target, target_factor, target_shift = TO_BASE[to_unit]
    if quantity == "mixing ratio" and target == "air concentration" and parameter in MOLAR_MASS:
        return Conversion(factor * MOLAR_MASS[parameter] / MOLAR_VOLUME / target_factor)
    if quantity == "air concentration" and target == "mixing ratio" and parameter in MOLAR_MASS:
        return Conversion(factor * MOLAR_VOLUME / MOLAR_MASS[parameter] / target_factor)
    if quantity != target:
        return None
    return Conversion(factor / target_factor, (shift - target_shift) / target_factor)


def convertible(to_unit: str, parameter: str) -> list[str]:
    """Return the units from which a parameter can be converted, for error texts."""
    return list(dict.fromkeys(unit for unit in (*TO_BASE, to_unit) if conversion(unit, to_unit, parameter)))
