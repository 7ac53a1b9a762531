"""VN_WQI for automatic stations, after Decision 1460/QĐ-TCMT (12 November 2019). Concentrations in mg/l.

The decree wants three of its five groups; an automatic station fills two (pH; organic matter and nutrients). So what
comes out here is a reference, to be shown as such: "WQI tham khảo (trạm tự động, nhóm I + IV)".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from quantrac.telemetry.indices.breakpoints import Point, between, half_up

FEWEST_OF_GROUP_IV: Final = 3
GROUP_IV: Final[Mapping[str, tuple[Point, ...]]] = {
    "bod5": ((4, 100), (6, 75), (15, 50), (25, 25), (50, 10)),
    "cod": ((10, 100), (15, 75), (30, 50), (50, 25), (150, 10)),
    "toc": ((4, 100), (6, 75), (15, 50), (25, 25), (50, 10)),
    "nh4_n": ((0.3, 100), (0.3, 75), (0.6, 50), (0.9, 25), (5, 10)),
    "no3_n": ((2, 100), (5, 75), (10, 50), (15, 25), (15, 10)),
    "po4_p": ((0.1, 100), (0.2, 75), (0.3, 50), (0.5, 25), (4, 10)),
}
NITRITE_HIGHEST: Final = 0.05
SATURATION: Final[tuple[Point, ...]] = (
    (20, 10), (20, 25), (50, 50), (75, 75), (88, 100), (112, 100), (125, 75), (150, 50), (200, 25), (200, 10),
)  # fmt: skip
PH: Final[tuple[Point, ...]] = ((5.5, 10), (5.5, 50), (6, 100), (8.5, 100), (9, 50), (9, 10))


def saturated_oxygen(water_temp: float) -> float:
    """Return the dissolved oxygen of saturated fresh water, mg/l, at a temperature in °C: the decree's polynomial.

    It knows no salinity: in brackish water it gives up to 14 % too much.
    """
    t = water_temp
    return 14.652 - 0.41022 * t + 0.0079910 * t**2 - 0.000077774 * t**3


def oxygen(do: float, water_temp: float) -> float:
    """Return the partial index of dissolved oxygen (mg/l) at a water temperature (°C), 10 to 100."""
    return _upto(SATURATION, 100 * do / saturated_oxygen(water_temp))


def ph(value: float) -> float:
    """Return the index of group I, 10 to 100."""
    return _upto(PH, value)


def partial(parameter: str, concentration: float) -> float:
    """Return the partial index of a parameter of group IV other than oxygen, 10 to 100."""
    if parameter == "no2_n":
        return 100.0 if concentration <= NITRITE_HIGHEST else 10.0
    if parameter == "nh4_n":  # a step as published: at 0.3 it is 75
        return between(GROUP_IV[parameter], concentration)
    return _upto(GROUP_IV[parameter], concentration)


def reference(ph_value: float | None, group_iv: Mapping[str, float]) -> int | None:
    """Return the reference index of an automatic station: (index of pH / 100) times the mean of group IV.

    Args:
        ph_value: pH; None counts as 100, as missing groups do in the decree.
        group_iv: partial indices by parameter, of `oxygen` and `partial`.

    Returns:
        A whole number, or None with fewer than three parameters in group IV.
    """
    if len(group_iv) < FEWEST_OF_GROUP_IV:
        return None
    of_ph = 100.0 if ph_value is None else ph(ph_value)
    return half_up(of_ph / 100 * sum(group_iv.values()) / len(group_iv))


def _upto(table: tuple[Point, ...], value: float) -> float:
    """Interpolate; exactly on a step at the upper end the better index holds (the tables say "> 15", "> 9")."""
    last_two = table[-2:]
    if last_two[0][0] == last_two[1][0] == value:
        return last_two[0][1]
    return between(table, value)
