"""Notices a line on which not one byte comes any more: an adapter that hangs is cured by opening it again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SILENT_SWEEPS: Final = 3
"""Turns of each device of a bus in a row without a byte after which it is closed and opened again."""
MOST_SWEEPS: Final = 48
"""Each time that opening it again has not helped, twice as many are waited for, at most so many."""


class BusWatch:
    """Counts silent turns by device."""

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
