"""How channels are described in NetCDF: units of UDUNITS, standard names of the CF conventions, flags. Pure.

Standard names after the CF standard name table (version 85 and later). Water has none here: those of the table speak of
sea water, and the stations stand in rivers, canals and ponds.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from quantrac.telemetry.states import State

UNITS: Final[Mapping[str, str]] = MappingProxyType({
    "Cel": "degree_Celsius", "mg/L": "mg L-1", "ug/L": "ug L-1", "%": "percent", "mS/cm": "mS cm-1", "mV": "mV",
    "m": "m", "cm": "cm", "mm": "mm", "m3/s": "m3 s-1", "mg{Pt}/L": "mg L-1", "ug/m3": "ug m-3", "hPa": "hPa",
    "m/s": "m s-1", "deg": "degree", "W/m2": "W m-2", "V": "V", "ms": "ms", "/h": "h-1",
})  # fmt: skip
"""UCUM → UDUNITS; what is not here (pH, PSU, NTU, decibels of sound) is a number: `1`."""
STANDARD_NAMES: Final[Mapping[str, str]] = MappingProxyType({
    "air_temp": "air_temperature", "humidity": "relative_humidity", "pressure": "air_pressure",
    "wind_speed": "wind_speed", "wind_dir": "wind_from_direction", "rain": "thickness_of_rainfall_amount",
    "solar": "surface_downwelling_shortwave_flux_in_air",
    "pm2_5": "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air",
    "pm10": "mass_concentration_of_pm10_ambient_aerosol_particles_in_air",
    "so2": "mass_concentration_of_sulfur_dioxide_in_air", "no": "mass_concentration_of_nitrogen_monoxide_in_air",
    "no2": "mass_concentration_of_nitrogen_dioxide_in_air",
    "co": "mass_concentration_of_carbon_monoxide_in_air", "o3": "mass_concentration_of_ozone_in_air",
    "nh3_air": "mass_concentration_of_ammonia_in_air", "h2s_air": "mass_concentration_of_hydrogen_sulfide_in_air",
    "hcl": "mass_concentration_of_hydrogen_chloride_in_air",
})  # fmt: skip
ON_SCALE: Final[Mapping[str, str]] = MappingProxyType({"Cel": "temperature: on_scale"})
"""Units that need a word on what they mean."""
CELL_METHODS: Final[Mapping[str, str]] = MappingProxyType({"mean": "time: mean", "sum": "time: sum"})
"""Kind of a parameter → how an hour or a day is made of its readings; of others CF has no word."""


class Flags(NamedTuple):
    """A variable of flags beside a channel's values."""

    suffix: str
    title: str
    meanings: Mapping[str, int]
    standard_name: str | None = None


QUALITY: Final = Flags(
    "quality", "QARTOD flag of", {"good": 1, "not_evaluated": 2, "suspect": 3, "fail": 4, "missing": 9}, "quality_flag"
)
STATE: Final = Flags("state", "what the device says of", {state.word: int(state) for state in State})
VERDICT: Final = Flags("verdict", "verdict of a person on", QUALITY.meanings)
STAGE: Final = Flags("stage", "stage of review of the day of", {"raw": 0, "unreviewed": 1, "reviewed": 2})
VALID: Final = Flags("valid", "whether enough readings made", {"too_few_readings": 0, "valid": 1})


def units_of(ucum: str) -> str:
    """Return a unit of the catalogue as UDUNITS reads it."""
    return UNITS.get(ucum, "1")
