"""How long to wait for each unit, learnt from how long its answers took. Pure.

The profile's timeout is for a unit that nobody knows yet. One that has always answered quickly is given three times its
longest recent answer, so that it costs its neighbours little when it dies; one that was heard answering too late is
given more.
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
    """Waiting times of the units on one bus."""

    def __init__(self) -> None:
        self._late_ms: dict[int, int] = {}
        self._took_ms: dict[int, deque[float]] = {}

    def wait_ms(self, unit: int, timeout_ms: int) -> int:
        """Return how long to wait for a unit whose profile says `timeout_ms`."""
        if unit in self._late_ms:
            return max(timeout_ms, self._late_ms[unit])
        took_ms = self._took_ms.get(unit, ())
        if len(took_ms) < ENOUGH_ANSWERS:
            return timeout_ms
        return min(timeout_ms, max(LEAST_MS, round(MARGIN_USUAL * max(took_ms))))

    def answered(self, unit: int, took_ms: float) -> None:
        """Note that a unit answered in time, `took_ms` after it was asked."""
        self._took_ms.setdefault(unit, deque(maxlen=RECENT)).append(took_ms)

    def late(self, unit: int, took_ms: float) -> None:
        """Note that a unit was heard `took_ms` after it was asked, too late."""
        learnt = min(LONGEST_MS, round(took_ms * MARGIN_LATE))
        self._late_ms[unit] = max(learnt, self._late_ms.get(unit, 0))
