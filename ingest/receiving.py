"""What has arrived and waits to be stored, and how it is cut into batches.

The broker's Receive Maximum bounds what can wait here, because nothing is acknowledged before it is stored.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass

from ingest.receipt import Receipt
from quantrac.mqtt.delivery import Delivery


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is complete: at a number of messages or bytes, or at an age of its first message."""

    messages: int = 4000
    bytes: int = 2_000_000
    age_s: float = 0.05


DEFAULT_LIMITS = BatchLimits()


class Inbox:
    """The queue between the network thread, which only puts, and the one that stores."""

    def __init__(self, clock_us: Callable[[], int], limits: BatchLimits = DEFAULT_LIMITS) -> None:
        self._clock_us = clock_us
        self._limits = limits
        self._waiting: queue.SimpleQueue[Receipt] = queue.SimpleQueue()

    def put(self, delivery: Delivery) -> None:
        """Take a delivery; never blocks."""
        self._waiting.put(Receipt(delivery, self._clock_us()))

    @property
    def depth(self) -> int:
        """How many deliveries wait."""
        return self._waiting.qsize()

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
        return batch
