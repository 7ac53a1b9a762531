"""Linear interpolation between the breakpoints of a decree's table, and rounding half up as decrees do."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

Point = tuple[float, float]
"""Concentration and index."""


def between(table: Sequence[Point], value: float) -> float:
    """Return the index at a value: a straight line between its neighbours, the end's index beyond the ends.

    Points ascend by concentration; of two at one concentration the second holds from there on (a step).
    """
    place = bisect_right([concentration for concentration, _ in table], value)
    if place == 0:
        return table[0][1]
    if place == len(table):
        return table[-1][1]
    (low, at_low), (high, at_high) = table[place - 1], table[place]
    return at_low + (at_high - at_low) * (value - low) / (high - low)


def half_up(value: float) -> int:
    """Round to a whole number, halves up."""
    return math.floor(value + 0.5)
