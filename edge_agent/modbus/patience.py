"""How long to wait for each unit: what the profile says, or longer where a unit was heard answering late. Pure."""

from __future__ import annotations

from typing import Final

MARGIN: Final = 1.5
"""An answer that took t is given 1.5 t from then on."""
LONGEST_MS: Final = 5_000


class Patience:
    """Waiting times of the units on one bus, learnt from late answers and never shortened."""

    def __init__(self) -> None:
        self._learnt_ms: dict[int, int] = {}

    def wait_ms(self, unit: int, timeout_ms: int) -> int:
        """Return how long to wait for a unit whose profile says `timeout_ms`."""
        return max(timeout_ms, self._learnt_ms.get(unit, 0))

    def learn(self, unit: int, took_ms: float) -> None:
        """Note that a unit was heard `took_ms` after it was asked, too late."""
        learnt = min(LONGEST_MS, round(took_ms * MARGIN))
        self._learnt_ms[unit] = max(learnt, self._learnt_ms.get(unit, 0))
