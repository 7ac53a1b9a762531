"""Patience: how long to wait for each unit, learnt from how long its answers took. Pure.

A unit is given the profile's timeout. One that was heard answering too late is given more. One that has always answered
quickly and now is silent is given three times its longest recent answer when it is tried again, so that a dead unit
costs its neighbours little.

Where neighbours are due, all this is cut to what they leave (`Allowance`), but not below what the unit needs as a rule:
one that always takes 0.8 s is waited for, one that mostly takes 20 ms and now and then 4 s is not.
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
RULE: Final = 20
"""Three of four of so many answers, late ones too, take at least as long as a unit takes as a rule."""
MARGIN_RULE: Final = 2


class Patience:
    """Waiting times of the units on one bus (on a line that has no numbers for them, of unit 0: the line)."""

    def __init__(self) -> None:
        self._late_ms: dict[int, int] = {}
        self._took_ms: dict[int, deque[float]] = {}
        self._newest_ms: dict[int, deque[float]] = {}
        self._silent: set[int] = set()

    def wait_ms(self, unit: int, timeout_ms: int) -> int:
        """Return how long to wait for a unit whose profile says `timeout_ms`, where no other unit is due."""
        if unit in self._late_ms:
            return max(timeout_ms, self._late_ms[unit])
        took_ms = self._took_ms.get(unit, ())
        if unit not in self._silent or len(took_ms) < ENOUGH_ANSWERS:
            return timeout_ms
        return min(timeout_ms, max(LEAST_MS, round(MARGIN_USUAL * max(took_ms))))

    def needed_ms(self, unit: int, timeout_ms: int, most_ms: int = LONGEST_MS) -> int:
        """Return the shortest wait that makes sense: twice what the unit takes as a rule, at least 300 ms.

        Not longer than `most_ms`, as a rule the interval: a unit that takes longer cannot be read so often anyway.
        """
        newest_ms = sorted(self._newest_ms.get(unit, ()))
        rule_ms = newest_ms[len(newest_ms) // 4] if newest_ms else 0
        needed_ms = round(MARGIN_RULE * rule_ms) if rule_ms < most_ms else 0
        return min(self.wait_ms(unit, timeout_ms), max(LEAST_MS, needed_ms), most_ms)

    def answered(self, unit: int, took_ms: float) -> None:
        """Note that a unit answered in time, `took_ms` after it was asked."""
        self._silent.discard(unit)
        self._took_ms.setdefault(unit, deque(maxlen=RECENT)).append(took_ms)
        self._newest_ms.setdefault(unit, deque(maxlen=RULE)).append(took_ms)

    def silent(self, unit: int) -> None:
        """Note that a unit did not answer at all."""
        self._silent.add(unit)

    def late(self, unit: int, took_ms: float) -> None:
        """Note that a unit was heard `took_ms` after it was asked, too late."""
        learnt = min(LONGEST_MS, round(took_ms * MARGIN_LATE))
        self._late_ms[unit] = max(learnt, self._late_ms.get(unit, 0))
        self._newest_ms.setdefault(unit, deque(maxlen=RULE)).append(took_ms)


class Allowance:
    """For how long the turn under way may hold its line; seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.device = ""
        """Whose turn it is; empty between turns."""
        self._until: float | None = None

    def begin(self, device: str, for_ms: int | None, now: float) -> None:
        """Begin a turn of `device`; None: no other device is due."""
        self.device, self._until = device, None if for_ms is None else now + for_ms / 1000

    def end(self) -> None:
        """End the turn; what follows has no limit of time."""
        self.device, self._until = "", None

    def cut(self, wait_ms: int, needed_ms: int, behind_ms: int, now: float) -> int:
        """Return `wait_ms` cut to what is left but `behind_ms`, the silence after a miss; not below `needed_ms`."""
        if self._until is None:
            return wait_ms
        return min(wait_ms, max(needed_ms, round((self._until - now) * 1000) - behind_ms))
