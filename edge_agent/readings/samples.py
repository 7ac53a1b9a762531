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


NO_MEASUREMENT: Final = Measured(None, State.FAULT)
"""What the instrument should have sent and did not, or sent as something else than it should."""


class Sample(NamedTuple):
    """A signal read at a time: `t_ms` is the moment its request was sent, milliseconds since 1970 UTC."""

    signal: str
    t_ms: int
    value: float | None
    state: State


def measured(signal: Signal, raw: float, state: State) -> Measured:
    """Return a raw number as a measurement: what the device or the number itself calls invalid has no value."""
    if not math.isfinite(raw) or raw in signal.missing:
        return Measured(None, worst((state, State.FAULT)))
    if state >= State.FAULT:
        return Measured(None, state)
    value = raw * signal.scale + signal.offset
    if signal.range is not None and not signal.range[0] <= value <= signal.range[1]:
        return Measured(None, worst((state, State.RANGE)))
    return Measured(None if state is State.RANGE else value, state)
