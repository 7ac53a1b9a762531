"""Recorded means held against an instrument's journal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import combinations

import pytest

EDGE_MS = 250
"""Entries so near to a slot's edge may be counted in or out: a line of 100 characters takes 110 ms at 9600 baud."""
STALL_MS = 1_200
"""The same for a slot in which the machine stood still between a request and its answer."""

Entry = tuple[int, float]
"""When an answer was served, ms since 1970 UTC, and what it said."""


class Match(Enum):
    """What a recorded mean is."""

    WHOLE = auto()
    """The mean of all that was served in its slot."""
    PART = auto()
    """The mean of so many of these answers as make a slot valid: a busy machine brought the others too late."""
    NONE = auto()


def match(served: Iterable[Entry], t_ms: int, width_ms: int, value: float, least: int) -> Match:
    """Compare the mean of the slot that ends at `t_ms`, of at least `least` samples, with what was served."""
    near = [(t, v) for t, v in served if t_ms - width_ms - STALL_MS < t < t_ms + STALL_MS]
    sure = [v for t, v in near if t_ms - width_ms + EDGE_MS < t <= t_ms - EDGE_MS]
    edge = [v for t, v in near if abs(t - t_ms) <= EDGE_MS or abs(t - (t_ms - width_ms)) <= EDGE_MS]
    whole = ([*sure, *some] for count in range(len(edge) + 1) for some in combinations(edge, count))
    if any(_is_mean(value, choice) for choice in whole if choice):
        return Match.WHOLE
    values = [v for _, v in near]
    parts = (part for count in range(least, len(values) + 1) for part in combinations(values, count))
    return Match.PART if any(_is_mean(value, part) for part in parts) else Match.NONE


def _is_mean(value: float, of: Sequence[float]) -> bool:
    return value == pytest.approx(sum(of) / len(of), rel=1e-6, abs=1e-9)
