"""The inbox: deliveries that wait to be stored, cut into batches by number, bytes and age.

Two things bound what can wait here: the broker's Receive Maximum, because nothing is acknowledged before it is stored,
and a number of bytes, above which the socket is not read (decision 0151).
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ingest.books.receipt import Receipt
from quantrac.mqtt.delivery import Delivery


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is complete: at a number of messages or bytes, or at an age of its first message."""

    messages: int = 4000
    bytes: int = 2_000_000
    age_s: float = 0.05


DEFAULT_LIMITS = BatchLimits()
MOST_BYTES: Final = 32 * 1024 * 1024
"""With more waiting nothing is read from the broker, bytes."""
OVERHEAD_BYTES: Final = 400
"""What a delivery takes in memory besides its payload, bytes (measured)."""


class Inbox:
    """The queue between the network thread, which only puts, and the one that stores."""

    def __init__(
        self, clock_us: Callable[[], int], limits: BatchLimits = DEFAULT_LIMITS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._clock_us = clock_us
        self._limits, self._most_bytes = limits, most_bytes
        self._bytes_put = 0  # touched by the thread that puts
        self._bytes_taken = 0  # touched by the thread that takes
        self._waiting: queue.SimpleQueue[Receipt] = queue.SimpleQueue()

    def put(self, delivery: Delivery) -> None:
        """Take a delivery; never blocks."""
        self._bytes_put += len(delivery.payload) + OVERHEAD_BYTES
        self._waiting.put(Receipt(delivery, self._clock_us()))

    @property
    def depth(self) -> int:
        """How many deliveries wait."""
        return self._waiting.qsize()

    @property
    def bytes(self) -> int:
        """How much memory the deliveries that wait take, bytes."""
        return self._bytes_put - self._bytes_taken

    def has_room(self) -> bool:
        """Tell whether more may be read from the broker."""
        return self.bytes < self._most_bytes

    def take(self, wait_s: float) -> list[Receipt]:
        """Return the next batch in order of arrival; empty when nothing came within `wait_s` seconds."""
        batch: list[Receipt] = []
        size, until = 0, time.monotonic() + wait_s
        while len(batch) < self._limits.messages and size < self._limits.bytes:
            try:
                receipt = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if not batch:
                until = time.monotonic() + self._limits.age_s
            batch.append(receipt)
            size += len(receipt.delivery.payload)
        self._bytes_taken += size + OVERHEAD_BYTES * len(batch)
        return batch
