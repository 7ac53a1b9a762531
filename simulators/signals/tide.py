"""Tide as a sum of harmonic constituents with nodal factors, arguments in UTC.

Constituents: Vũng Tàu from TICON-4 (UHSLC 383) by the openwatersio tide database; Trần Đề, Mỹ Thanh and Đại Ngãi are
Vũng Tàu transferred up the coast and fitted to published high waters (docs/simulators.md), so plausible, not observed.
Astronomical longitudes after Meeus, nodal factors after Schureman's series as commonly shortened.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HOUR_DEG: Final = 15.0
J2000_UNIX_S: Final = 946728000.0  # 2000-01-01 12:00 UTC
CENTURY_S: Final = 36525 * 86400.0


@dataclass(frozen=True)
class Term:
    """Argument of a constituent: multiples of 15° × UTC hours, of the longitudes s, h, p, and a constant, degrees."""

    hours: int
    s: int
    h: int
    p: int
    offset: float
    nodal: str


# Doodson numbers with mean solar time counted from midnight; the quarter turns of the diurnal terms are in `offset`.
TERMS: Final[Mapping[str, Term]] = {
    "M2": Term(2, -2, 2, 0, 0.0, "M2"),
    "S2": Term(2, 0, 0, 0, 0.0, ""),
    "N2": Term(2, -3, 2, 1, 0.0, "M2"),
    "K2": Term(2, 0, 2, 0, 0.0, "K2"),
    "K1": Term(1, 0, 1, 0, 90.0, "K1"),
    "O1": Term(1, -2, 1, 0, 270.0, "O1"),
    "P1": Term(1, 0, -1, 0, 270.0, ""),
    "Q1": Term(1, -3, 1, 1, 270.0, "O1"),
    "SA": Term(0, 0, 1, 0, 0.0, ""),
}

# Nodal factor = a + b cos N, nodal angle = c sin N (degrees), N = longitude of the moon's node.
NODAL: Final[Mapping[str, tuple[float, float, float]]] = {
    "": (1.0, 0.0, 0.0),
    "M2": (1.0, -0.037, -2.1),
    "K2": (1.024, 0.286, -17.7),
    "K1": (1.006, 0.115, -8.9),
    "O1": (1.009, 0.187, 10.8),
}

# Amplitude in m, Greenwich phase lag in degrees.
VUNG_TAU: Final = {
    "M2": (0.773, 193.8), "S2": (0.302, 228.6), "N2": (0.163, 174.1), "K2": (0.094, 239.9), "K1": (0.595, 206.6),
    "O1": (0.447, 164.9), "P1": (0.189, 203.1), "Q1": (0.085, 147.8), "SA": (0.212, 278.1),
}  # fmt: skip
TRAN_DE: Final = {
    "M2": (0.93, 223.0), "S2": (0.36, 259.0), "N2": (0.20, 203.0), "K2": (0.11, 270.0), "K1": (0.59, 222.0),
    "O1": (0.45, 179.0), "P1": (0.19, 218.0), "Q1": (0.08, 161.0), "SA": (0.21, 278.0),
}  # fmt: skip
DAI_NGAI: Final = {
    "M2": (0.73, 260.0), "S2": (0.29, 298.0), "N2": (0.15, 239.0), "K2": (0.09, 309.0), "K1": (0.48, 241.0),
    "O1": (0.36, 197.0), "P1": (0.15, 237.0), "Q1": (0.07, 179.0),
}  # fmt: skip
PORTS: Final = {"vung-tau": VUNG_TAU, "tran-de": TRAN_DE, "my-thanh": TRAN_DE, "dai-ngai": DAI_NGAI}


class HarmonicTide:
    """Height of the tide over mean sea level, m. The slow factors are worked out once an hour of simulated time."""

    def __init__(self, constituents: Mapping[str, tuple[float, float]]) -> None:
        self._constituents = constituents
        self._hour: int | None = None
        self._waves: list[tuple[float, float, float]] = []

    def at(self, t: float) -> float:
        """Height at Unix time `t`."""
        hour = math.floor(t / 3600)
        if hour != self._hour:
            self._waves, self._hour = [self._wave(name, hour * 3600.0) for name in self._constituents], hour
        since = t - hour * 3600.0
        return sum(amplitude * math.cos(phase + speed * since) for amplitude, phase, speed in self._waves)

    def _wave(self, name: str, t: float) -> tuple[float, float, float]:
        """Amplitude, phase at `t` and speed (radians per second) of one constituent with its nodal correction."""
        amplitude, lag = self._constituents[name]
        term = TERMS[name]
        a, b, c = NODAL[term.nodal]
        node = _node(t)
        phase = _argument(term, t) + c * math.sin(node) - lag
        speed = (_argument(term, t + 3600) - _argument(term, t)) % 360 / 3600
        return amplitude * (a + b * math.cos(node)), math.radians(phase), math.radians(speed)


def _centuries(t: float) -> float:
    return (t - J2000_UNIX_S) / CENTURY_S


def _node(t: float) -> float:
    return math.radians(125.04452 - 1934.136261 * _centuries(t))


def _argument(term: Term, t: float) -> float:
    """Equilibrium argument at Unix time `t`, degrees."""
    centuries = _centuries(t)
    s = 218.3164477 + 481267.88123421 * centuries
    h = 280.46646 + 36000.76983 * centuries
    p = 83.3532465 + 4069.0137287 * centuries
    return term.hours * HOUR_DEG * (t % 86400) / 3600 + term.s * s + term.h * h + term.p * p + term.offset
