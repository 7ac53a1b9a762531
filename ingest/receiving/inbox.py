"""The inbox: deliveries that wait to be stored, cut into batches by number, bytes and age.

Two things bound what can wait here: the broker's Receive Maximum, because nothing is acknowledged before it is stored,
and a number of bytes, above which the socket is not read (decision 0151).
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ingest.books.receipt import Receipt
from ingest.receiving.flood import FloodWatch, weigh
from quantrac.mqtt.delivery import Delivery


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is complete: at a number of messages or bytes, or at an age of its first message, seconds."""

    messages: int = 4000
    bytes: int = 2_000_000
    age_s: float = 0.05
    share: int = 500
    """Of one topic, as the weight of receipts: what one station sends in plenty makes no batch long for the others."""


DEFAULT_LIMITS = BatchLimits()
MOST_BYTES: Final = 32 * 1024 * 1024
"""With more waiting nothing is read from the broker, bytes."""
MOST_PUT_OFF: Final = 20_000
"""Deliveries of a batch that are put off do not count as its messages, up to so many: they cost little."""
OVERHEAD_BYTES: Final = 400
"""What a delivery takes in memory besides its payload, bytes (measured)."""
BEHIND: Final = 2000
"""With more received and not yet stored, by weight, ingest does not keep up: it takes 0.1 s or more."""


class Inbox:
    """The queue between the network thread, which only puts, and those that take and store."""

    def __init__(
        self,
        clock_us: Callable[[], int],
        limits: BatchLimits = DEFAULT_LIMITS,
        most_bytes: int = MOST_BYTES,
        flood: FloodWatch | None = None,
    ) -> None:
        self._clock_us = clock_us
        self._limits, self._most_bytes = limits, most_bytes
        self._flood = flood
        self._bytes_put = 0  # touched by the thread that puts
        self._bytes_taken = self._put_off = 0  # touched by the thread that takes
        self._put = 0  # touched by the thread that puts
        self._done = 0  # touched by the thread that stores
        self._waiting: queue.Queue[Receipt] = queue.Queue()

    def put(self, delivery: Delivery) -> None:
        """Queue a delivery; never blocks. A delivery that is put off loses its payload and is acknowledged in order."""
        receipt = Receipt(delivery, self._clock_us(), False, False, weigh(delivery.payload))
        behind = self._put - self._put_off - self._done > BEHIND
        if self._flood is not None and self._flood.puts_off(receipt, behind=behind):
            receipt = receipt.without_payload(flood=self._flood.is_flood(delivery.topic))
        self._put += receipt.weight
        self._bytes_put += len(receipt.delivery.payload) + OVERHEAD_BYTES
        self._waiting.put(receipt)

    def done(self, receipts: Iterable[Receipt]) -> None:
        """Note that these are stored."""
        self._done += sum(each.weight for each in receipts)

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
        of_topic: dict[str, int] = {}
        size, share, most, until = 0, 0, self._limits.messages, time.monotonic() + wait_s
        while len(batch) < most and size < self._limits.bytes and share < self._limits.share:
            try:
                receipt = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if not batch:
                until = time.monotonic() + self._limits.age_s
            topic = receipt.delivery.topic
            self._bytes_taken += len(receipt.delivery.payload) + OVERHEAD_BYTES
            if self._flood is not None and self._flood.caught(receipt):
                self._put_off += receipt.weight
                receipt = receipt.without_payload(flood=self._flood.is_flood(topic))
            batch.append(receipt)
            size += len(receipt.delivery.payload)
            of_topic[topic] = share = of_topic.get(topic, 0) + receipt.weight
            most += receipt.put_off and most < MOST_PUT_OFF
        return batch
