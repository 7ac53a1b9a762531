"""Symptoms of a bus: not one byte from any device, or an instrument that answers more slowly than its line can wait.

Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

SILENT_SWEEPS: Final = 3
"""Turns of each device of a bus in a row without a byte after which it is closed and opened again."""
MOST_SWEEPS: Final = 48
"""Each time that opening it again has not helped, twice as many are waited for, at most so many."""
SLOW_AFTER: Final = 3
"""Turns in a row that were too short for its answers, after which an instrument is called too slow."""
ROOM: Final = 2
"""An interval of so many times its answer leaves an instrument its turn, and its neighbours theirs."""


class BusWatch:
    """Counts silent turns by device: an adapter that hangs is cured by opening its line again."""

    def __init__(self, devices: Iterable[str]) -> None:
        self._silent = dict.fromkeys(devices, 0)
        self._patience = SILENT_SWEEPS

    def note(self, device: str, heard: bool) -> bool:
        """Take note of a turn; return whether the bus is to be closed and opened again now."""
        if heard:
            self._silent = dict.fromkeys(self._silent, 0)
            self._patience = SILENT_SWEEPS
            return False
        self._silent[device] += 1
        if min(self._silent.values()) < self._patience:
            return False
        self._silent = dict.fromkeys(self._silent, 0)
        self._patience = min(MOST_SWEEPS, self._patience * 2)
        return True


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
