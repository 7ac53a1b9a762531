"""The phase of a predicted tide: high water, falling, low water, rising. A sum of harmonic constituents. Pure.

Longitudes of moon and sun after Meeus, nodal factors and angles after Schureman as commonly shortened; phases are
against Greenwich, so arguments are in UTC. Constants of places stand in `network.yaml` (`tides`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantrac.config.tides import TidePhase

STEP_MS: Final = 600_000
"""Heights are worked out every ten minutes: a phase is some 90 minutes long."""
PAGE_MS: Final = 32 * 86_400_000
MARGIN_MS: Final = 2 * 86_400_000
"""Beyond a page on both sides, so that every moment lies between two extremes."""
J2000_MS: Final = 946_728_000_000
CENTURY_MS: Final = 36_525 * 86_400_000
DAY_MS: Final = 86_400_000

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


class _Term(NamedTuple):
    """Argument of a constituent: multiples of 15° an hour of UTC and of the longitudes s, h, p, and a constant."""

    hours: int
    s: int
    h: int
    p: int
    offset: float
    nodal: str


TERMS: Final = {
    "M2": _Term(2, -2, 2, 0, 0.0, "M2"),
    "S2": _Term(2, 0, 0, 0, 0.0, ""),
    "N2": _Term(2, -3, 2, 1, 0.0, "M2"),
    "K2": _Term(2, 0, 2, 0, 0.0, "K2"),
    "K1": _Term(1, 0, 1, 0, 90.0, "K1"),
    "O1": _Term(1, -2, 1, 0, 270.0, "O1"),
    "P1": _Term(1, 0, -1, 0, 270.0, ""),
    "Q1": _Term(1, -3, 1, 1, 270.0, "O1"),
    "SA": _Term(0, 0, 1, 0, 0.0, ""),
}
NODAL: Final = {
    "": (1.0, 0.0, 0.0),
    "M2": (1.0, -0.037, -2.1),
    "K2": (1.024, 0.286, -17.7),
    "K1": (1.006, 0.115, -8.9),
    "O1": (1.009, 0.187, 10.8),
}
"""Factor a + b cos N and angle c sin N (degrees), N the longitude of the moon's ascending node."""


@dataclass(frozen=True, slots=True)
class Tide:
    """The tide of a place."""

    constituents: tuple[tuple[str, float, float], ...]
    """Name, amplitude in m, phase lag against Greenwich in degrees."""

    def heights(self, t_ms: Times) -> Floats:
        """Return heights over the mean level, m."""
        total = np.zeros(len(t_ms))
        for name, amplitude, lag in self.constituents:
            term = TERMS[name]
            a, b, c = NODAL[term.nodal]
            node = np.radians(125.04452 - 1934.136261 * _centuries(t_ms))
            argument = _argument(term, t_ms) + c * np.sin(node) - lag
            total += amplitude * (a + b * np.cos(node)) * np.cos(np.radians(argument))
        return total

    def phases(self, t_ms: Times) -> NDArray[np.int8]:
        """Return the `TidePhase` at each time, exact to ten minutes."""
        pages = t_ms // PAGE_MS
        result = np.empty(len(t_ms), dtype=np.int8)
        for page in np.unique(pages):
            chosen = pages == page
            result[chosen] = _page(self, int(page))[(t_ms[chosen] - page * PAGE_MS) // STEP_MS]
        return result


@lru_cache(maxsize=64)
def _page(tide: Tide, page: int) -> NDArray[np.int8]:
    """Return the phase of every step of a page."""
    start = page * PAGE_MS - MARGIN_MS
    t_ms = start + STEP_MS * np.arange((PAGE_MS + 2 * MARGIN_MS) // STEP_MS)
    height = tide.heights(t_ms)
    slope = np.sign(np.diff(height))
    turns = np.flatnonzero(slope[1:] * slope[:-1] < 0) + 1
    inside = slice(MARGIN_MS // STEP_MS, (MARGIN_MS + PAGE_MS) // STEP_MS)
    steps = np.arange(len(t_ms))[inside]
    behind = np.searchsorted(turns, steps, side="right") - 1
    share = (steps - turns[behind]) / (turns[behind + 1] - turns[behind])
    falls = slope[np.minimum(turns[behind], len(slope) - 1)] < 0
    quarter = np.where(share < 0.25, 0, np.where(share < 0.75, 1, 2))
    after_high = np.array([TidePhase.HIGH, TidePhase.FALLING, TidePhase.LOW], dtype=np.int8)
    after_low = np.array([TidePhase.LOW, TidePhase.RISING, TidePhase.HIGH], dtype=np.int8)
    return np.where(falls, after_high[quarter], after_low[quarter])


def _centuries(t_ms: Times) -> Floats:
    return (t_ms - J2000_MS) / CENTURY_MS


def _argument(term: _Term, t_ms: Times) -> Floats:
    """Return equilibrium arguments, degrees."""
    centuries = _centuries(t_ms)
    s = 218.3164477 + 481267.88123421 * centuries
    h = 280.46646 + 36000.76983 * centuries
    p = 83.3532465 + 4069.0137287 * centuries
    hours = (t_ms % DAY_MS) / 3_600_000
    return 15.0 * term.hours * hours + term.s * s + term.h * h + term.p * p + term.offset
