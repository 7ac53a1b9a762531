"""The turn of those who check configuration files: one at a time, and nobody keeps it from others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Final

from quantrac.telemetry.errors import TranslatableError

PATIENCE_S: Final = 10.0
"""Longest wait for the turn of a check: one takes some tens of milliseconds, of the worst text seconds."""
MOST_WAITING: Final = 4
"""Requests that wait for the turn; each keeps a thread of those that serve all pages."""
MOST_OF_ONE: Final = 2
"""Of these from one account: one who checks in many windows leaves places to others."""


class ChecksBusy(TranslatableError):
    """So many check files at this moment that this request did not get its turn."""


class CheckTurn:
    """Checks of files one at a time: reading YAML keeps a whole core, and the pages need the other."""

    def __init__(self) -> None:
        self._turns = BoundedSemaphore(1)
        self._lock = Lock()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def of(self, account: str) -> Iterator[None]:
        """Hold the turn for the block. Raises ChecksBusy, at once where all places to wait are taken."""
        self._wait(account)
        try:
            yield
        finally:
            self._turns.release()

    def _wait(self, account: str) -> None:
        with self._lock:
            is_full = self._waiting.total() >= MOST_WAITING or self._waiting[account] >= MOST_OF_ONE
            self._waiting[account] += not is_full
        try:
            if is_full or not self._turns.acquire(timeout=PATIENCE_S):
                raise ChecksBusy("others check files at this moment: try again")
        finally:
            with self._lock:
                self._waiting[account] -= not is_full
                self._waiting += Counter()  # whoever does not wait takes no memory
