"""Now, on two clocks: one that only goes forward, for waiting; the wall clock, for what other people read."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Moment(NamedTuple):
    """An instant on both clocks."""

    s: float
    """Seconds of a clock that only goes forward."""
    ms: int
    """Milliseconds since 1970 UTC."""


Now = Callable[[], Moment]
