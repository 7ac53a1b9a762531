"""The worker of ingest: from the broker into the database. `Worker.round` lists the path of the data.

Three threads: the session's network thread puts deliveries into the inbox, the preparer decodes and checks a batch, and
the worker's own stores it, acknowledges it, and does all the rest. Pictures come by a second session.
"""

from __future__ import annotations

import collections
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import psycopg

from ingest.books import breaches, healthy_times
from ingest.books.acks import Acknowledger
from ingest.books.breach import CENTRE, Breach
from ingest.books.receipt import Receipt
from ingest.receiving.flood import FloodWatch
from ingest.receiving.inbox import DEFAULT_LIMITS, BatchLimits, Inbox
from ingest.receiving.preparer import IDLE_S, Prepared, Preparer
from ingest.receiving.subscriptions import EVERYBODY, Hearing
from ingest.storing.pictures import PICTURES_AT_ONCE, Album
from ingest.storing.tenure import LeaseLostError, Stopped
from ingest.storing.transaction import Stored
from ingest.storing.writer import Writer
from ingest.workers import counts
from quantrac.database.beat import BEAT_EVERY, Beat, worker_name
from quantrac.database.pool import Connection
from quantrac.mqtt import Connected, Delivery, MqttAddress, Outcome, Session, SettledPublish, Subscription
from quantrac.observe import health
from quantrac.observe.logs import logger
from quantrac.telemetry import topics
from quantrac.telemetry.breaches import BreachKind

SESSION: Final = "quantrac-ingest"
"""Whoever serves takes this session over, with all that waits in it."""
PICTURES_SESSION: Final = "quantrac-ingest-pictures"
SESSION_EXPIRY_S: Final = 30 * 86_400
"""How long the broker keeps what arrives while ingest is away, seconds."""
RECEIVE_MAXIMUM: Final = 50_000
"""Messages received and not acknowledged. What the broker has to queue beyond it never gets less while a flood lasts:
Mosquitto takes a message in for each acknowledgement. `MOST_BYTES` of the inbox bounds their memory."""
LARGEST_PICTURE: Final = 4 * 1024 * 1024
"""Bytes; a broker of ours takes no more than 256 KiB."""
BACKLOG_S: Final = 5.0
"""Older waiting messages are a backlog, seconds."""
TAILS_EVERY_S: Final = 5.0
"""How often to look whose reported tail has become missing, seconds."""
WAITS_S: Final = 15.0
"""A round that takes longer waits for the database: nothing is stored meanwhile, seconds."""
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


class Worker:
    """Stands by, serves, and ends; `run` it once."""

    def __init__(
        self,
        address: MqttAddress,
        open_database: Callable[[], Connection],
        clock: Clock,
        stop: threading.Event,
        limits: BatchLimits = DEFAULT_LIMITS,
    ) -> None:
        self._clock, self._stop = clock, stop
        self._announce = threading.Event()
        """Set when every station wants an ack: at the start, or when database or broker may not be what they were."""
        self._flood, self._hearing = FloodWatch(lambda: self._writer.registry), Hearing()
        self._inbox = Inbox(clock.us, limits, flood=self._flood)
        self._album = Album()
        self._writer = Writer(open_database, self._announce.set, stop)
        self._preparer = Preparer(self._inbox, lambda: self._writer.registry)
        self._lag_s = 0.0
        self._acks = Acknowledger(self._publish_ack)
        self._acks_not_taken: queue.Queue[str] = queue.Queue()
        self._breaches: collections.deque[Breach] = collections.deque()
        """What the network threads noticed and is not yet on record."""
        self._name = worker_name()
        self._started_at = clock.now()
        self._next_beat = self._next_tails = 0.0
        self._round_at = clock.monotonic()
        self._session = Session(
            address,
            SESSION,
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=RECEIVE_MAXIMUM,
            subscriptions=EVERYBODY,
            on_connect=self._connected,
            on_message=self._inbox.put,
            on_publish_settled=self._ack_settled,
            on_taken_over=lambda: self._taken_over(SESSION),
            may_read=self._may_read,
        )
        self._pictures = Session(
            address,
            PICTURES_SESSION,
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=PICTURES_AT_ONCE,
            subscriptions=[Subscription(topics.subscription("image"))],
            largest_payload=LARGEST_PICTURE,
            on_message=self._picture_arrived,
            on_taken_over=lambda: self._taken_over(PICTURES_SESSION),
        )

    def run(self) -> bool:
        """Stand by until the lease is free, then store what arrives; return whether `stop` ended it.

        False means that another process has taken over. What is not stored by then stays with the broker.
        """
        try:
            self._writer.tenure.begin()
            self._preparer.start()
            self._hear()
            self._session.start()
            self._pictures.start()
            while not self._stop.is_set():
                self.round()
        except Stopped:
            return True
        except LeaseLostError as error:
            log.warning("lease_lost", why=str(error))
            return False
        else:
            return True
        finally:
            self._preparer.stop()
            self._session.stop()
            self._pictures.stop()
            self._end_beat()
            self._writer.tenure.close()

    def round(self) -> None:
        """Take a batch, decoded and checked, off the inbox; store it; acknowledge it to broker and stations."""
        self._round_at = self._clock.monotonic()
        persist = self._writer.tenure.persist
        prepared = self._preparer.take(IDLE_S)
        if prepared is not None:
            began = self._clock.monotonic()
            stored = self._writer.write(prepared.receipts, prepared.batch)  # commits
            committed = self._clock.monotonic()
            self._acknowledge(prepared.receipts)  # only now may the broker forget them
            done = self._clock.monotonic()
            counts.stages(
                len(prepared.receipts), prepare=prepared.took_s, store=committed - began, acknowledge=done - committed
            )
            self._account(stored, prepared)
        else:
            self._lag_s = 0.0
        self._store_pictures()
        persist(self._note_breaches)
        persist(self._publish_acks)
        persist(self._beat)

    def _acknowledge(self, receipts: Sequence[Receipt]) -> None:
        self._session.acknowledge([(each.delivery.generation, each.delivery.mid) for each in receipts])
        self._inbox.done(receipts)

    def _account(self, stored: Sequence[Stored], prepared: Prepared) -> None:
        births = [
            each.delivery.topic.split("/")[2] for each in prepared.receipts if each.delivery.topic.endswith("/birth")
        ]
        for each in stored:
            counts.count(each)
            self._acks.note(each.stations, at_once=births)
        self._lag_s = max(0.0, (self._clock.us() - prepared.receipts[0].received_us) / 1e6)
        counts.account(self._inbox, self._lag_s, self._session.stale_acknowledgements)
        if any(each.dead_letters or each.conflict for each in stored):
            log.warning(
                "misfits_kept",
                dead_letters=sum(each.dead_letters for each in stored),
                conflicts=sum(each.conflict for each in stored),
            )

    def _picture_arrived(self, delivery: Delivery) -> None:
        self._album.put(Receipt(delivery, self._clock.us()))

    def _store_pictures(self) -> None:
        for receipt in self._album.of_round(lambda: self._inbox.depth > 0):
            outcome = self._writer.write_picture(receipt)  # commits
            self._pictures.acknowledge([(receipt.delivery.generation, receipt.delivery.mid)])
            self._acks.note({outcome.station: receipt.received_us})
            counts.PICTURES.labels(outcome.outcome).inc()

    def _may_read(self) -> bool:
        """Asked by the network thread in each of its turns: a database that stands still must not delay the hearing."""
        self._hear()
        return self._inbox.has_room()

    def _hear(self) -> None:
        wanted, unheard = self._hearing.look(self._writer.registry, self._flood.unheard(self._clock.us()))
        self._breaches += unheard
        if wanted is not None:
            self._session.subscribe(wanted)

    def _taken_over(self, session: str) -> None:
        now_us = self._clock.us()
        self._breaches.append(Breach(CENTRE, BreachKind.SESSION_TAKEN, now_us, now_us, detail=f"session {session}"))

    def _note_breaches(self) -> None:
        """Put breaches on record. Who took a session is no worker of ours while we hold the lease."""
        while self._breaches:
            breach = self._breaches[0]
            breaches.store(self._writer.tenure.conn, [breach])
            log.warning("breach_recorded", kind=breach.kind, station=breach.station, detail=breach.detail,
                        do="quantrac status")  # fmt: skip
            self._breaches.popleft()

    def _publish_acks(self) -> None:
        if not self._session.connected:
            return
        conn, now = self._writer.tenure.conn, self._clock.monotonic()
        while not self._acks_not_taken.empty():
            self._acks.again(self._acks_not_taken.get_nowait())
        if self._announce.is_set():
            self._announce.clear()
            self._acks.publish_all(conn, now)
        if now >= self._next_tails:
            self._next_tails = now + TAILS_EVERY_S
            self._acks.note_tails(conn)
        self._acks.publish_due(conn, now)

    def _publish_ack(self, topic: str, payload: bytes, station: str) -> None:
        self._session.publish(topic, payload, station, retain=True)
        counts.ACKS.inc()

    def _beat(self) -> None:
        if self._clock.monotonic() < self._next_beat:
            return
        conn, now, lag_s = self._writer.tenure.conn, self._clock.now(), self._lag_s
        beat = Beat(conn, "ingest", self._name, self._started_at)
        beat.beat(now, connected=self._session.connected, backlog_lag_s=lag_s)
        healthy_times.record(conn, now, self._session.subscribed and lag_s < BACKLOG_S)
        self._next_beat = self._clock.monotonic() + BEAT_EVERY.total_seconds()

    def _end_beat(self) -> None:
        if self._writer.tenure.connected:
            with suppress(psycopg.Error):  # who reads it sees that the beat is old
                Beat(self._writer.tenure.conn, "ingest", self._name, self._started_at).end()

    def _connected(self, connected: Connected) -> None:
        if connected.generation == 1 or not connected.session_present:
            self._announce.set()
        if connected.generation > 1 and not connected.session_present:
            log.error("broker_lost_session", do="the stations send again what is missing; look at the broker")

    def _ack_settled(self, settled: SettledPublish) -> None:
        if settled.outcome not in (Outcome.DELIVERED, Outcome.NO_SUBSCRIBER):  # retained either way
            self._acks_not_taken.put(str(settled.tag))

    def ready(self) -> health.Answer:
        """Whether messages are received and stored now, or why not."""
        tenure = self._writer.tenure
        if not tenure.connected:
            return "stands by: another process serves" if tenure.standing_by else "no connection to the database"
        if self._round_takes_s() > WAITS_S:
            return f"waits for the database for {self._round_takes_s():.0f} s"
        return True if self._session.subscribed else "not subscribed at the broker"

    def healthy(self) -> health.Answer:
        """Whether the loop still turns, or that it does not."""
        still_s = self._round_takes_s()
        stuck = still_s > STUCK_S and self._writer.tenure.connected
        return f"no round for {still_s:.0f} s" if stuck else True

    def _round_takes_s(self) -> float:
        return self._clock.monotonic() - self._round_at
