"""How often one account may ask: so many requests at once, then so many a second. Pure but for its own state."""

from __future__ import annotations

from threading import Lock
from typing import Final

MOST_ACCOUNTS: Final = 10_000
"""Accounts that are remembered; of more the one that asked longest ago is forgotten, and begins anew."""


class RateBound:
    """A bucket for each account, which every request empties a little and time fills."""

    def __init__(self, at_once: float = 600, each_s: float = 20) -> None:
        self._most, self._each_s = at_once, each_s
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def wait_s(self, account: str, at_s: float, cost: float = 1, *, takes: bool = True) -> float:
        """Take a request of an account; return 0, or after how many seconds it may come.

        `at_s`: any steady clock. `takes` False: only tell.
        """
        with self._lock:
            left, since_s = self._left.pop(account, (self._most, at_s))
            left = min(self._most, left + (at_s - since_s) * self._each_s)
            wait_s = max(0.0, (cost - left) / self._each_s)
            self._left[account] = (left - cost if takes and not wait_s else left, at_s)
            if len(self._left) > MOST_ACCOUNTS:
                del self._left[next(iter(self._left))]
        return wait_s
