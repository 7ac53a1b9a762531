"""Backoff: the pauses between attempts, doubling, bounded, with jitter."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits of half to the whole of `first_s`, `2·first_s`, … up to `longest_s`; of several places each is tried first.

    The jitter keeps stations that lost their broker together from coming back together.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    chance: Callable[[], float] = random.random
    """Gives a number in 0..1."""
    places: int = 1
    """How many are tried in turn: the wait doubles when all of them have failed."""
    failures: int = field(default=0, init=False)

    def next_wait_s(self) -> float:
        """Note a failure and return how long to wait, in seconds."""
        whole = min(self.longest_s, self.first_s * 2.0 ** min(self.failures // self.places, 30))
        self.failures += 1
        return whole * (0.5 + 0.5 * self.chance())

    def reset(self) -> None:
        """Note a success: the next failure waits the shortest time again."""
        self.failures = 0
