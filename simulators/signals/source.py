"""A source of values: what a probe sees, with the instrument's own judgement of it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeValue:
    """A value at one moment; None where the probe has nothing to say. `state` as in the journal."""

    value: float | None
    state: str = "ok"


Source = Callable[[float], ProbeValue]  # of Unix seconds; the same moment always gives the same sample
