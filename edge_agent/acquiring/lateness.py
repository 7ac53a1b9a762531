"""An instrument that answers, but more slowly than its line can wait, and what to do about it. Pure."""

from __future__ import annotations

import math
from typing import Final

SLOW_AFTER: Final = 3
"""Turns in a row that were too short for its answers, after which an instrument is called too slow."""
ROOM: Final = 2
"""An interval of so many times its answer leaves an instrument its turn, and its neighbours theirs."""


class Lateness:
    """Follows one instrument's answers."""

    def __init__(self) -> None:
        self._count = 0
        self.advice = ""
        """What a technician should do; empty as long as the instrument is not too slow."""

    def late(self, took_ms: int) -> bool:
        """Note that what took `took_ms` did not end in its turn; returns whether it is called too slow from now on."""
        self._count += 1
        if self._count < SLOW_AFTER:
            return False
        was_known = bool(self.advice)
        self.advice = advice(took_ms)
        return not was_known

    def read(self) -> None:
        """Note that it was read in its turn."""
        self._count, self.advice = 0, ""


def advice(took_ms: int) -> str:
    """Return what to do about an instrument that takes so long."""
    interval_s = math.ceil(ROOM * took_ms / 1000)
    return (
        f"takes {took_ms / 1000:.1f} s to answer, longer than its neighbours leave it: sample everything on this line "
        f"no more often than every {interval_s} s, or give it a line of its own"
    )
