"""`ingest run`: a process that serves one slot or several, as many as fall to it (decision 0150)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import psycopg

from ingest.storing.tenure import LeaseLostError, NotMigratedError, is_recoverable
from ingest.workers import leases, slots
from ingest.workers.worker import Clock, Worker
from quantrac.backoff import Backoff
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection, DatabaseUnreachable, connect, one_line
from quantrac.mqtt import MqttAddress
from quantrac.observe import health
from quantrac.observe.logs import logger

LOOK_EVERY_S: Final = 0.5
"""How often a process looks which slots are free, seconds."""

log = logger(__name__)


@dataclass
class Served:
    """A slot that this process serves."""

    worker: Worker
    stop: threading.Event
    thread: threading.Thread
    failed: list[Exception] = field(default_factory=list)


class Process:
    """See the module; `run` until `stop` is set."""

    def __init__(
        self,
        address: MqttAddress,
        open_database: Callable[[], Connection],
        clock: Clock,
        stop: threading.Event,
        workers: int = 1,
    ) -> None:
        self._address, self._open, self._clock, self._stop = address, open_database, clock, stop
        self._workers = workers
        self._served: dict[int, Served] = {}
        self._free_since: dict[int, float] = {}
        self._stands_by = False
        self._number = slots.Number()

    def run(self) -> None:
        """Serve what falls to this process until told to stop; a database that is away is waited for."""
        backoff = Backoff(first_s=0.2, longest_s=10.0)
        try:
            while not self._stop.is_set():
                try:
                    with self._open() as conn:
                        slots.join(conn, self._workers)
                        backoff.reset()
                        self._follow(conn)
                except psycopg.errors.UndefinedTable as error:
                    raise NotMigratedError("the database has no tables of Quantrac: run quantrac db migrate") from error
                except (psycopg.Error, DatabaseUnreachable) as error:
                    if not is_recoverable(error):
                        raise
                    wait_s = backoff.next_wait_s()
                    log.warning("database_unavailable", why=one_line(error), retry_s=round(wait_s, 1))
                    self._raise_failure()
                    self._stop.wait(wait_s)
        finally:
            for slot in list(self._served):
                self._end(slot)

    def _follow(self, conn: Connection) -> None:
        while not self._stop.is_set():
            self._raise_failure()
            seen = slots.see(conn)
            seen = seen._replace(slots=self._number.settle(seen.slots, self._clock.monotonic()))
            self.look(seen, max(seen.slots, leases.last_slot(conn) + 1))
            self._stop.wait(LOOK_EVERY_S)

    def look(self, seen: slots.Seen, number: int) -> None:
        """Begin or end to serve a slot, as what is seen demands; `number` counts those that are to be closed too."""
        for served in self._served.values():
            served.worker.slots = seen.slots
        now = self._clock.monotonic()
        free = set(range(number)) - seen.held - set(self._served)
        self._free_since = {slot: self._free_since.get(slot, now) for slot in free}
        free_for_s = {slot: now - since for slot, since in self._free_since.items()}
        start = slots.to_start(self._served.keys(), free_for_s, seen.members, number)
        leave = slots.to_stop(self._served.keys(), seen.members, number)
        if start is not None:
            self._begin(start, seen.slots)
        elif leave is not None:
            self._end(leave)
        if not self._served and not self._stands_by:
            log.info("standing_by", why="other processes serve every slot", slots=number)
        self._stands_by = not self._served

    def _begin(self, slot: int, number: int) -> None:
        log.info("serves", slot=slot, slots=number)
        stop = threading.Event()
        worker = Worker(self._address, self._open, self._clock, stop, slot, number)
        served = Served(worker, stop, threading.Thread(target=self._serve, args=[slot], name=f"slot-{slot}"))
        self._served[slot] = served
        served.thread.start()

    def _serve(self, slot: int) -> None:
        served = self._served[slot]
        try:
            served.worker.run()
        except Exception as error:  # noqa: BLE001 (the boundary of the thread: told by `_raise_failure`)
            served.failed.append(error)

    def _end(self, slot: int) -> None:
        served = self._served.pop(slot)
        served.stop.set()
        served.thread.join()
        log.info("serves_no_more", slot=slot)

    def _raise_failure(self) -> None:
        """Forget slots that another process has; raise what made a worker give up otherwise."""
        for slot, served in list(self._served.items()):
            if served.thread.is_alive():
                continue
            self._served.pop(slot)
            for error in served.failed:
                if not isinstance(error, LeaseLostError):
                    raise error
                log.warning("slot_lost", slot=slot, why=str(error))

    def ready(self) -> health.Answer:
        """Whether messages are received and stored now, or why not."""
        answers = [served.worker.ready() for served in self._served.values()]
        return _worst(answers) if answers else "stands by: other processes serve every slot"

    def healthy(self) -> health.Answer:
        """Whether every loop still turns, or which does not."""
        return _worst([served.worker.healthy() for served in self._served.values()])


def _worst(answers: list[health.Answer]) -> health.Answer:
    return next((answer for answer in answers if answer is not True), True)


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Run ingest until `stop` is set. Raises QuantracError when it cannot work as configured."""
    clock = Clock(now=lambda: datetime.now(UTC), us=lambda: time.time_ns() // 1000)
    url, address = settings.database("ingest"), MqttAddress.parse(settings.mqtt())
    process = Process(address, lambda: connect(url, "quantrac ingest"), clock, stop, settings.ingest_workers)
    with ExitStack() as stack:
        if settings.ingest_listen is not None:
            stack.enter_context(health.serve(settings.ingest_listen, ready=process.ready, healthy=process.healthy))
        process.run()
