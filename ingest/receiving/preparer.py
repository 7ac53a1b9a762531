"""Prepares the next batch while the database stores the last one, in a thread between inbox and writer."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from ingest.books.receipt import Receipt
from ingest.receiving.batch import Batch, prepare
from ingest.receiving.inbox import Inbox
from ingest.receiving.registry import Registry
from quantrac.observe.logs import logger

IDLE_S: Final = 0.2

log = logger(__name__)


class Prepared(NamedTuple):
    """A batch and the deliveries it came from."""

    receipts: Sequence[Receipt]
    batch: Batch | None
    """None when it could not be prepared: one of the deliveries has to be singled out."""
    took_s: float = 0.0
    """To decode and check it, seconds."""


class Preparer:
    """One batch ahead of the writer, never more, so that batches grow while the writer is busy."""

    def __init__(self, inbox: Inbox, registry: Callable[[], Registry]) -> None:
        self._inbox, self._registry = inbox, registry
        self._ready: queue.Queue[Prepared] = queue.Queue()
        self._room = threading.Semaphore(1)
        self._stop = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="preparer", daemon=True)

    def start(self) -> None:
        """Begin to take from the inbox."""
        self._thread.start()

    def stop(self) -> None:
        """End; what was prepared and not taken stays with the broker."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def take(self, wait_s: float) -> Prepared | None:
        """Return the next batch in order of arrival; None when none was ready within `wait_s` seconds.

        Raises the error that ended the thread: without it nothing would ever be stored again.
        """
        with suppress(queue.Empty):
            prepared = self._ready.get(timeout=wait_s)
            self._room.release()
            return prepared
        if self._error is not None:
            raise self._error
        return None

    def _run(self) -> None:
        try:
            self._prepare_all()
        except Exception as error:  # the boundary of the thread; `take` raises it in the one that stores
            log.exception("preparer_ended")
            self._error = error

    def _prepare_all(self) -> None:
        while not self._stop.is_set():
            if not self._room.acquire(timeout=IDLE_S):
                continue
            receipts = self._inbox.take(IDLE_S)
            if receipts:
                began = time.monotonic()
                batch = self._prepare(receipts)
                self._ready.put(Prepared(receipts, batch, time.monotonic() - began))
            else:
                self._room.release()

    def _prepare(self, receipts: Sequence[Receipt]) -> Batch | None:
        try:
            return prepare(receipts, self._registry())
        except Exception:  # the boundary of the task: a defect of ours must not stop what follows
            log.exception("batch_not_understood", deliveries=len(receipts))
            return None
