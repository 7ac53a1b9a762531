"""Statistics beside a mean: number of valid samples, least, greatest, standard deviation. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, assert_never

from edge_agent.readings.records import SlotReading
from quantrac.config.stations import ExtraKind


class Statistic(NamedTuple):
    """A series beside a channel."""

    name: str
    kind: ExtraKind
    """Not `zero` or `span`, which are no statistics."""


def beside(reading: SlotReading, values: Sequence[float], wanted: Iterable[Statistic]) -> Iterable[SlotReading]:
    """Yield the series beside a reading, made of the same valid samples; where it is null so are they."""
    for statistic in wanted:
        value = None if reading.value is None else statistic_of(statistic.kind, values)
        yield SlotReading(statistic.name, value, reading.state)


def statistic_of(kind: ExtraKind, values: Sequence[float]) -> float:
    """Return one statistic of at least one value; the standard deviation is that of the samples themselves (by n)."""
    match kind:
        case "count":
            return float(len(values))
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "sd":
            mean = math.fsum(values) / len(values)
            return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
        case "zero" | "span":
            raise ValueError(f"{kind} is no statistic")
    assert_never(kind)
