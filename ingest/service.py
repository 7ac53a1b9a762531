"""`ingest run`: from the broker into the database. `Ingest.round` lists the path of the data.

Three threads: the session's network thread puts deliveries into the inbox, the preparer decodes and checks a batch, and
the main thread here stores it, acknowledges it, and does all the rest.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ingest import counts, healthy_times
from ingest.acks import Acknowledger
from ingest.preparer import IDLE_S, Prepared, Preparer
from ingest.receipt import Receipt
from ingest.receiving import DEFAULT_LIMITS, BatchLimits, Inbox
from ingest.storing import Stored
from ingest.tenure import Stopped
from ingest.writer import Writer
from quantrac.config.settings import Settings
from quantrac.database.beat import BEAT_EVERY, Beat
from quantrac.database.pool import Connection, connect
from quantrac.mqtt import Connected, MqttAddress, Outcome, Session, Settled, Subscription
from quantrac.observe import health
from quantrac.observe.logs import logger
from quantrac.telemetry import topics

CLIENT_ID: Final = "quantrac-ingest"
SESSION_EXPIRY_S: Final = 30 * 86_400
"""How long the broker keeps what arrives while ingest is away, seconds."""
RECEIVE_MAXIMUM: Final = 8192
"""Messages received and not acknowledged; times the packet bound it is the bound of our memory."""
KINDS: Final[tuple[topics.TopicKind, ...]] = ("readings", "backfill", "birth", "status")
BACKLOG_S: Final = 5.0
"""Older waiting messages are a backlog, seconds."""
STUCK_S: Final = 120.0
"""A round that takes longer means the process should be restarted, seconds."""

log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the service reads the time."""

    now: Callable[[], datetime]
    us: Callable[[], int]
    """Microseconds since 1970."""
    monotonic: Callable[[], float] = time.monotonic


class Ingest:
    """The service, put together; `run` until `stop` is set."""

    def __init__(
        self,
        address: MqttAddress,
        open_database: Callable[[], Connection],
        clock: Clock,
        stop: threading.Event,
        limits: BatchLimits = DEFAULT_LIMITS,
        receive_maximum: int = RECEIVE_MAXIMUM,
    ) -> None:
        self._clock, self._stop = clock, stop
        self._announce = threading.Event()
        """Set when every station wants an ack: at the start, or when database or broker may not be what they were."""
        self._inbox = Inbox(clock.us, limits)
        self._writer = Writer(open_database, self._announce.set, stop.wait)
        self._preparer = Preparer(self._inbox, lambda: self._writer.registry)
        self._lag_s = 0.0
        self._acks = Acknowledger(self._publish_ack)
        self._acks_not_taken: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._worker = f"{socket.gethostname()}-{os.getpid()}"
        self._started_at = clock.now()
        self._next_beat = 0.0
        self._round_at = clock.monotonic()
        self._session = Session(
            address,
            CLIENT_ID,
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=receive_maximum,
            subscriptions=[Subscription(topics.subscription(kind)) for kind in KINDS],
            on_connect=self._connected,
            on_message=self._inbox.put,
            on_publish_settled=self._ack_settled,
        )

    def run(self) -> None:
        """Store what arrives until told to stop; what is not stored by then stays with the broker."""
        persist = self._writer.tenure.persist
        try:
            persist(lambda: None)
            self._preparer.start()
            self._session.start()
            while not self._stop.is_set():
                self.round()
            persist(self._end_beat)
        except Stopped:
            log.info("stopped_without_database")
        finally:
            self._preparer.stop()
            self._session.stop()
            self._writer.tenure.close()

    def round(self) -> None:
        """Take a batch, decoded and checked, off the inbox; store it; acknowledge it to broker and stations."""
        self._round_at = self._clock.monotonic()
        prepared = self._preparer.take(IDLE_S)
        if prepared is not None:
            stored = self._writer.write(*prepared)  # commits
            self._acknowledge(prepared.receipts)  # only now may the broker forget them
            self._account(stored, prepared)
        else:
            self._lag_s = 0.0
        self._writer.tenure.persist(self._publish_acks)
        self._writer.tenure.persist(self._beat)

    def _acknowledge(self, receipts: Sequence[Receipt]) -> None:
        self._session.acknowledge([(each.delivery.generation, each.delivery.mid) for each in receipts])

    def _account(self, stored: Sequence[Stored], prepared: Prepared) -> None:
        topics_taken = [each.delivery.topic for each in prepared.receipts]
        births = [topic.split("/")[2] for topic in topics_taken if topic.endswith("/birth")]
        for each in stored:
            counts.count(each)
            self._acks.note(each.stations, at_once=births)
        self._lag_s = max(0.0, (self._clock.us() - prepared.receipts[0].received_us) / 1e6)
        counts.LATENCY.observe(self._lag_s)
        counts.WAITING.set(self._inbox.depth)
        counts.STALE.set(self._session.stale_acknowledgements)
        if any(each.dead_letters or each.conflict for each in stored):
            log.warning(
                "misfits_kept",
                dead_letters=sum(each.dead_letters for each in stored),
                conflicts=sum(each.conflict for each in stored),
            )

    def _publish_acks(self) -> None:
        if not self._session.connected:
            return
        while not self._acks_not_taken.empty():
            self._acks.again(self._acks_not_taken.get_nowait())
        if self._announce.is_set():
            self._announce.clear()
            self._acks.publish_all(self._writer.tenure.conn, self._clock.monotonic())
        self._acks.publish_due(self._writer.tenure.conn, self._clock.monotonic())

    def _publish_ack(self, topic: str, payload: bytes, station: str) -> None:
        self._session.publish(topic, payload, station, retain=True)

    def _beat(self) -> None:
        if self._clock.monotonic() < self._next_beat:
            return
        now, lag_s = self._clock.now(), self._lag_s
        beat = Beat(self._writer.tenure.conn, "ingest", self._worker, self._started_at)
        beat.beat(now, connected=self._session.connected, backlog_lag_s=lag_s)
        healthy_times.record(self._writer.tenure.conn, now, self._session.subscribed and lag_s < BACKLOG_S)
        self._next_beat = self._clock.monotonic() + BEAT_EVERY.total_seconds()

    def _end_beat(self) -> None:
        Beat(self._writer.tenure.conn, "ingest", self._worker, self._started_at).end()

    def _connected(self, connected: Connected) -> None:
        if connected.generation == 1 or not connected.session_present:
            self._announce.set()
        if connected.generation > 1 and not connected.session_present:
            log.error("broker_lost_session", do="the stations send again what is missing; look at the broker")

    def _ack_settled(self, settled: Settled) -> None:
        if settled.outcome not in (Outcome.DELIVERED, Outcome.NO_SUBSCRIBER):  # retained either way
            self._acks_not_taken.put(str(settled.tag))

    def ready(self) -> health.Answer:
        """Whether messages are received and stored now, or why not."""
        if not self._writer.tenure.connected:
            return "no connection to the database"
        return True if self._session.subscribed else "not subscribed at the broker"

    def healthy(self) -> health.Answer:
        """Whether the loop still turns, or that it does not."""
        still_s = self._clock.monotonic() - self._round_at
        stuck = still_s > STUCK_S and self._writer.tenure.connected
        return f"no round for {still_s:.0f} s" if stuck else True


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Run ingest until `stop` is set. Raises QuantracError when it cannot work as configured."""
    clock = Clock(now=lambda: datetime.now(UTC), us=lambda: time.time_ns() // 1000)
    url = settings.database("ingest")
    ingest = Ingest(MqttAddress.parse(settings.mqtt()), lambda: connect(url, "quantrac ingest"), clock, stop)
    with ExitStack() as stack:
        if settings.ingest_listen is not None:
            stack.enter_context(health.serve(settings.ingest_listen, ready=ingest.ready, healthy=ingest.healthy))
        ingest.run()
