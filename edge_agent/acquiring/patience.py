"""How long to wait for each unit, learnt from how long its answers took. Pure.

A unit is given the profile's timeout. One that was heard answering too late is given more. One that has always answered
quickly and now is silent is given three times its longest recent answer when it is tried again, so that a dead unit
costs its neighbours little.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MARGIN_LATE: Final = 1.5
"""An answer that came t after its request, too late, is given 1.5 t from then on."""
LONGEST_MS: Final = 5_000
MARGIN_USUAL: Final = 3
LEAST_MS: Final = 300
ENOUGH_ANSWERS: Final = 20
RECENT: Final = 100


class Patience:
    """Waiting times of the units on one bus (on a line that has no numbers for them, of unit 0: the line)."""

    def __init__(self) -> None:
        self._late_ms: dict[int, int] = {}
        self._took_ms: dict[int, deque[float]] = {}
        self._silent: set[int] = set()

    def wait_ms(self, unit: int, timeout_ms: int) -> int:
        """Return how long to wait for a unit whose profile says `timeout_ms`."""
        if unit in self._late_ms:
            return max(timeout_ms, self._late_ms[unit])
        took_ms = self._took_ms.get(unit, ())
        if unit not in self._silent or len(took_ms) < ENOUGH_ANSWERS:
            return timeout_ms
        return min(timeout_ms, max(LEAST_MS, round(MARGIN_USUAL * max(took_ms))))

    def answered(self, unit: int, took_ms: float) -> None:
        """Note that a unit answered in time, `took_ms` after it was asked."""
        self._silent.discard(unit)
        self._took_ms.setdefault(unit, deque(maxlen=RECENT)).append(took_ms)

    def silent(self, unit: int) -> None:
        """Note that a unit did not answer at all."""
        self._silent.add(unit)

    def late(self, unit: int, took_ms: float) -> None:
        """Note that a unit was heard `took_ms` after it was asked, too late."""
        learnt = min(LONGEST_MS, round(took_ms * MARGIN_LATE))
        self._late_ms[unit] = max(learnt, self._late_ms.get(unit, 0))
