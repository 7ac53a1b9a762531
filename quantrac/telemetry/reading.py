"""A reading: one value of one channel at one time, with its state."""

from __future__ import annotations

from typing import NamedTuple

from quantrac.telemetry.states import State


class Reading(NamedTuple):
    """One value of one channel."""

    channel: str
    """`<station>/<name>`, e.g. `st-my-thanh/do`."""
    t_ms: int
    """End of the slot it covers, milliseconds since 1970 UTC."""
    value: float | None
    """In the catalogue's unit; None when there is none, and the state says why."""
    state: State
