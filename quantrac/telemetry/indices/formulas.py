"""The formulas of derived channels: inputs, result, and how often each is computed.

A formula is pure and knows no time: it gets the values of its inputs as columns, the newest first, None where there is
none, and gives a value or None. `ingest.derived` fetches the columns, `quantrac.config` checks what a station declares.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal

from quantrac.telemetry.indices import vn_aqi, vn_wqi, water_chemistry

FormulaName = Literal[
    "mean-1h", "mean-8h", "mean-24h", "toxic-ammonia", "oxygen-saturation", "vn-aqi-hour", "vn-aqi-day", "vn-wqi"
]
Columns = Mapping[str, Sequence[float | None]]
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Basis(StrEnum):
    """The readings that a value is made of."""

    MOMENT = "moment"
    """What the inputs read at the same time."""
    HOUR = "hour"
    """All readings of the input within an hour."""
    HOURS = "hours"
    """Hourly values of the inputs, of the hours that end within a window."""
    DAY = "day"
    """Hourly values of the inputs, of the hours of a local day."""


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a formula beside its inputs."""

    valid_share: float = 0.75
    """Share of the expected values that makes a mean valid."""
    probe: Literal["ion", "total"] = "ion"
    """What an ammonium probe reports: the ionised nitrogen N-NH4+, or total ammonia nitrogen."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input; `channel` is the channel it is where the station does not say otherwise."""

    name: str
    parameter: str | None
    """None: any whose values are means."""
    channel: str | None = None
    required: bool = True
    hourly: bool = False
    """It must be a channel that is itself made each hour."""


@dataclass(frozen=True, slots=True)
class Formula:
    """One formula; `compute` gets a column for every input that the station has."""

    name: str
    basis: Basis
    parameter: str | None
    """What it gives; None: the parameter of its input."""
    inputs: tuple[Input, ...]
    compute: Callable[[Columns, Options], float | None]
    source: str
    hours: int = 1
    """Width of the window, and length of the columns, with basis `hours` and `day`."""
    one_of: tuple[str, ...] = ()
    """Inputs of which at least one must be there."""
    fewest: tuple[int, tuple[str, ...]] = (0, ())
    """How many of some inputs must be there."""

    def interval_ms(self, of_inputs: int) -> int:
        """Return how often it gives a value, for the interval of its inputs."""
        return {Basis.MOMENT: of_inputs, Basis.DAY: DAY_MS}.get(self.basis, HOUR_MS)

    def value(self, columns: Columns, options: Options) -> float | None:
        """Return the value, or None: an input is missing, or the result is no number (a pH of 400)."""
        try:
            value = self.compute(columns, options)
        except (OverflowError, ZeroDivisionError, ValueError):
            return None
        return value if value is not None and math.isfinite(value) else None


def mean_of(values: Sequence[float | None], expected: int, share: float) -> float | None:
    """Return the mean of what is there; None where that is less than the share of what is expected."""
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there and len(there) >= share * expected else None


def _mean(columns: Columns, options: Options) -> float | None:
    (values,) = columns.values()
    return mean_of(values, len(values), options.valid_share)


def _toxic_ammonia(columns: Columns, options: Options) -> float | None:
    nh4_n, ph, temperature = _now(columns, "nh4_n", "ph", "water_temp")
    if nh4_n is None or ph is None or temperature is None:
        return None
    if "salinity" in columns:
        salinity = columns["salinity"][0]
        if salinity is None:
            return None
        pka = water_chemistry.pka_salt(temperature, salinity)
    else:
        pka = water_chemistry.pka_fresh(temperature)
    of = water_chemistry.toxic_of_total if options.probe == "total" else water_chemistry.toxic_of_ammonium
    return of(nh4_n, ph, pka)


def _oxygen_saturation(columns: Columns, _: Options) -> float | None:
    do, temperature = _now(columns, "do", "water_temp")
    salinity = columns["salinity"][0] if "salinity" in columns else 0.0
    if do is None or temperature is None or salinity is None:
        return None
    return water_chemistry.saturation(do, temperature, salinity)


def _now(columns: Columns, *names: str) -> tuple[float | None, ...]:
    return tuple(columns[name][0] for name in names)


def _aqi_hour(columns: Columns, _: Options) -> float | None:
    gases = {("o3_1h" if name == "o3" else name): columns[name][0] for name in AQI_GASES if name in columns}
    return vn_aqi.hourly(gases, {name: columns[name] for name in vn_aqi.PARTICLES if name in columns})


def _aqi_day(columns: Columns, options: Options) -> float | None:
    """A pollutant counts with the valid share of its hours."""
    highest = {
        ("o3_1h" if name == "o3" else name): _highest(columns[name], options) for name in AQI_GASES if name in columns
    }
    means = {
        name: mean_of(columns[name], len(columns[name]), options.valid_share)
        for name in vn_aqi.PARTICLES
        if name in columns
    }
    ozone_8h = _highest(columns["o3_8h"], options) if "o3_8h" in columns else None
    return vn_aqi.daily(highest, ozone_8h, means)


def _highest(values: Sequence[float | None], options: Options) -> float | None:
    there = [value for value in values if value is not None]
    return max(there) if there and len(there) >= options.valid_share * len(values) else None


def _wqi(columns: Columns, _: Options) -> float | None:
    of_group = {
        name: vn_wqi.partial(name, value) for name in NUTRIENTS if (value := columns.get(name, (None,))[0]) is not None
    }
    do, temperature = _now(columns, "do", "water_temp")
    if do is not None and temperature is not None:
        of_group["do"] = vn_wqi.oxygen(do, temperature)
    (ph,) = _now(columns, "ph")
    return None if ph is None else vn_wqi.reference(ph, of_group)


AQI_GASES: Final = ("so2", "no2", "co", "o3")
NUTRIENTS: Final = ("bod5", "cod", "toc", "nh4_n", "no3_n", "no2_n", "po4_p")


def _hourly(*names: str, required: bool = True) -> tuple[Input, ...]:
    return tuple(Input(name, name, f"{name}_1h", required, hourly=True) for name in names)


_QCVN_05: Final = "QCVN 05:2023/BTNMT; validity by the share of rollups.valid_share"
_AQI: Final = "Decision 1459/QĐ-TCMT (VN_AQI)"
_FORMULAS: Final = (
    Formula("mean-1h", Basis.HOUR, None, (Input("of", None),), _mean, _QCVN_05),
    Formula("mean-8h", Basis.HOURS, None, (Input("of", None, hourly=True),), _mean, _QCVN_05, hours=8),
    Formula("mean-24h", Basis.HOURS, None, (Input("of", None, hourly=True),), _mean, _QCVN_05, hours=24),
    Formula(
        "toxic-ammonia", Basis.MOMENT, "nh3",
        (*(Input(name, name, name) for name in ("nh4_n", "ph", "water_temp")),
         Input("salinity", "salinity", "salinity", required=False)),
        _toxic_ammonia, "Emerson 1975; with salinity EPA 440/5-88-004",
    ),
    Formula(
        "oxygen-saturation", Basis.MOMENT, "do_sat",
        (*(Input(name, name, name) for name in ("do", "water_temp")),
         Input("salinity", "salinity", "salinity", required=False)),
        _oxygen_saturation, "Benson and Krause 1984 (APHA 4500-O G)",
    ),
    Formula(
        "vn-aqi-hour", Basis.HOURS, "vn_aqi", _hourly(*AQI_GASES, *vn_aqi.PARTICLES, required=False), _aqi_hour, _AQI,
        hours=12, one_of=vn_aqi.PARTICLES,
    ),
    Formula(
        "vn-aqi-day", Basis.DAY, "vn_aqi",
        (*_hourly(*AQI_GASES, *vn_aqi.PARTICLES, required=False), Input("o3_8h", "o3", "o3_8h", False, hourly=True)),
        _aqi_day, _AQI, hours=24, one_of=vn_aqi.PARTICLES,
    ),
    Formula(
        "vn-wqi", Basis.MOMENT, "vn_wqi",
        (*_hourly("ph", "do", "water_temp"), *_hourly(*NUTRIENTS, required=False)), _wqi,
        "Decision 1460/QĐ-TCMT (VN_WQI), groups I and IV only: a reference",
        fewest=(vn_wqi.FEWEST_OF_GROUP_IV - 1, NUTRIENTS),
    ),
)  # fmt: skip
FORMULAS: Final[Mapping[str, Formula]] = MappingProxyType({formula.name: formula for formula in _FORMULAS})
"""Every formula by its name."""


def options_of(found: Mapping[str, Any], valid_share: float) -> Options:
    """Return the options that a database row and the network give."""
    return Options(valid_share=valid_share, **found)
