"""The intake: a bounded queue of records on their way to the spool, which bridges a full or stalling disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from edge_agent.clocks.trust import ALWAYS, ClockStamp, Offered
from edge_agent.readings.records import SlotRecord, StationEvent

MOST_RECORDS: Final = 10_000
"""About 20 MB: seventeen minutes of ten devices each second, a week of ten devices each ten minutes."""


class Intake:
    """Acquisition offers, forwarding takes. When it is full the oldest record is lost, and counted."""

    def __init__(
        self,
        wake: Callable[[], None] = lambda: None,
        most: int = MOST_RECORDS,
        stamp: Callable[[], ClockStamp] = lambda: ALWAYS,
    ) -> None:
        """`stamp` returns the clocks; it is called as each record is offered."""
        self._records: deque[Offered] = deque()
        self._most = most
        self._wake = wake
        self._stamp = stamp
        self._lock = threading.Lock()
        self._lost = 0

    def offer(self, record: SlotRecord) -> None:
        """Take a record from any thread; returns at once."""
        offered = Offered(record, self._stamp())
        with self._lock:
            self._records.append(offered)
            self._trim()
        self._wake()

    def tell(self, kind: str, detail: str, now_ms: int) -> None:
        """Take an event of the station itself, as a record of its own."""
        self.offer(SlotRecord(now_ms, (), (StationEvent(kind, None, detail, now_ms),)))

    def take(self) -> list[Offered]:
        """Return what waits and empty the queue."""
        with self._lock:
            taken = [*self._records]
            self._records.clear()
        return taken

    def give_back(self, records: Sequence[Offered]) -> None:
        """Put records that could not be written back to the front."""
        with self._lock:
            self._records.extendleft(reversed(records))
            self._trim()

    def take_lost(self) -> int:
        """Return how many records were lost since the last time this was asked."""
        with self._lock:
            lost, self._lost = self._lost, 0
        return lost

    def __len__(self) -> int:
        return len(self._records)

    def _trim(self) -> None:
        while len(self._records) > self._most:
            self._records.popleft()
            self._lost += 1
