"""Samples: what the signals of an instrument were, and when they were asked."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from quantrac.config.profiles import Signal
from quantrac.telemetry.states import State, worst


class Measured(NamedTuple):
    """A decoded signal, in the unit the profile names: `value` is None when the instrument gave none."""

    value: float | None
    state: State
    why: str = ""
    """Why there is no value, in words; empty where nobody said."""


NO_MEASUREMENT: Final = Measured(None, State.FAULT)
"""What the instrument should have sent and did not, or sent as something else than it should."""


class Sample(NamedTuple):
    """A signal read at a time: `t_ms` is the moment its request was sent, milliseconds since 1970 UTC."""

    signal: str
    t_ms: int
    value: float | None
    state: State
    why: str = ""
    """Why there is no value, in words; empty where nobody said."""


def measured(signal: Signal, raw: float, state: State, factor: float = 1.0) -> Measured:
    """Return a raw number times `factor` as a measurement: what the device or the number calls invalid has no value."""
    if raw in signal.missing:
        return Measured(None, worst((state, State.FAULT)), f"sends {raw:g}, its sign for no value")
    value = raw * factor * signal.scale + signal.offset
    if not math.isfinite(value):
        return Measured(None, worst((state, State.FAULT)), "the registers or characters hold no number")
    if state >= State.FAULT:
        return Measured(None, state, f"its own status says {state.word}")
    if signal.range is not None and not signal.range[0] <= value <= signal.range[1]:
        low, high = signal.range
        why = f"sends {value:g} {signal.unit}, beyond its range of {low:g} to {high:g}"
        return Measured(None, worst((state, State.RANGE)), why)
    if state is State.RANGE:
        return Measured(None, state, "its own status says that it is out of range")
    return Measured(value, state)
