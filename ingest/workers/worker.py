"""One slot of ingest at work: from the broker into the database. `Worker.round` lists the path of the data.

Three threads: the session's network thread puts deliveries into the inbox, the preparer decodes and checks a batch, and
the worker's own stores it, acknowledges it, and does all the rest. Slot 0 also stores pictures, by a second session.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest.books import healthy_times
from ingest.books.acks import Acknowledger
from ingest.books.receipt import Receipt, station_in
from ingest.receiving.batch import REPORT_ENDINGS
from ingest.receiving.inbox import DEFAULT_LIMITS, BatchLimits, Inbox
from ingest.receiving.preparer import IDLE_S, Prepared, Preparer
from ingest.storing.pictures import Album
from ingest.storing.stored import Stored
from ingest.storing.tenure import Stopped
from ingest.storing.writer import Writer
from ingest.workers import counts, leases
from ingest.workers.subscribing import Subscriber
from quantrac.database.beat import BEAT_EVERY, Beat
from quantrac.database.pool import Connection
from quantrac.mqtt import Connected, Delivery, MqttAddress, Outcome, Session, SettledPublish, Subscription
from quantrac.observe import health
from quantrac.observe.logs import logger
from quantrac.telemetry import topics

CLIENT_ID: Final = "quantrac-ingest"
PICTURES_ID: Final = "quantrac-ingest-pictures"
SESSION_EXPIRY_S: Final = 30 * 86_400
"""How long the broker keeps what arrives while ingest is away, seconds."""
RECEIVE_MAXIMUM: Final = 8192
"""Messages received and not acknowledged. How much memory they may take, `receiving.MOST_BYTES` says."""
PICTURES_AT_ONCE: Final = 4
LARGEST_PICTURE: Final = 4 * 1024 * 1024
"""Bytes; a broker of ours takes no more than 256 KiB."""
BACKLOG_S: Final = 5.0
"""Older waiting messages are a backlog, seconds."""
TAILS_EVERY_S: Final = 5.0
"""How often a slot looks whose reported tail has become missing, seconds."""
QUIET_S: Final = 2.0
"""A slot that is to be closed is empty when the broker has sent it nothing for so long, seconds."""
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
    """One slot; `run` until `stop` is set."""

    def __init__(
        self,
        address: MqttAddress,
        open_database: Callable[[], Connection],
        clock: Clock,
        stop: threading.Event,
        slot: int = 0,
        slots: int = 1,
        limits: BatchLimits = DEFAULT_LIMITS,
    ) -> None:
        """Prepare to serve `slot`; `slots` is how many there shall be, with itself perhaps one too many."""
        self._clock, self._stop, self._slot = clock, stop, slot
        self._announce = threading.Event()
        """Set when every station wants an ack: at the start, or when database or broker may not be what they were."""
        self._sessions_lost = threading.Event()
        self._subscriber = Subscriber(slot)
        self.slots = slots
        self._next_look = 0.0
        self._busy_at = clock.monotonic()
        self._inbox = Inbox(clock.us, limits)
        self._album = Album()
        self._writer = Writer(open_database, self._announce.set, stop.wait, slot)
        self._preparer = Preparer(self._inbox, lambda: self._writer.registry, lambda: self._subscriber.elsewhere)
        self._lag_s = 0.0
        self._acks = Acknowledger(self._publish_ack)
        self._acks_not_taken: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._name = f"{socket.gethostname()}-{os.getpid()}" + (f"/{slot}" if slot else "")
        self._started_at = clock.now()
        self._next_beat = self._next_tails = 0.0
        self._round_at = clock.monotonic()
        self._session = Session(
            address,
            f"{CLIENT_ID}-{slot}" if slot else CLIENT_ID,  # whoever serves the slot takes its session over
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=RECEIVE_MAXIMUM,
            subscriptions=self._subscriber.first,
            on_connect=self._connected,
            on_message=self._inbox.put,
            on_publish_settled=self._ack_settled,
            may_read=self._inbox.has_room,
        )
        self._pictures = None if slot else self._pictures_session(address)

    def _pictures_session(self, address: MqttAddress) -> Session:
        return Session(
            address,
            PICTURES_ID,
            expiry_s=SESSION_EXPIRY_S,
            receive_maximum=PICTURES_AT_ONCE,
            subscriptions=[Subscription(topics.subscription("image"))],
            largest_payload=LARGEST_PICTURE,
            on_message=self._picture_arrived,
        )

    @property
    def slots(self) -> int:
        """How many slots there shall be; the process says so, and a slot that is one too many ends when it is empty."""
        return self._subscriber.slots

    @slots.setter
    def slots(self, number: int) -> None:
        self._subscriber.slots = number

    def run(self) -> None:
        """Store what arrives until told to stop; what is not stored by then stays with the broker."""
        persist = self._writer.tenure.persist
        sessions = [self._session] if self._pictures is None else [self._session, self._pictures]
        try:
            persist(self._open_slot)
            persist(self._look_at_leases)
            self._preparer.start()
            for session in sessions:
                session.start()
            while not self._stop.is_set() and not self._is_done():
                self.round()
            if self._is_done():
                self._session.stop(end_session=True)
                persist(self._close_slot)
            persist(self._end_beat)
        except Stopped:
            log.info("stopped_without_database")
        finally:
            self._preparer.stop()
            for session in sessions:
                session.stop()
            self._writer.tenure.close()

    def round(self) -> None:
        """Take a batch, decoded and checked, off the inbox; store it; acknowledge it to broker and stations."""
        self._round_at = self._clock.monotonic()
        persist = self._writer.tenure.persist
        prepared = self._preparer.take(IDLE_S)
        if prepared is not None:
            began = self._clock.monotonic()
            stored = self._writer.write(prepared.receipts, prepared.batch) if prepared.receipts else []  # commits
            committed = self._clock.monotonic()
            self._acknowledge(prepared.received)  # only now may the broker forget them
            done = self._clock.monotonic()
            counts.stages(
                len(prepared.received), prepare=prepared.took_s, store=committed - began, acknowledge=done - committed
            )
            self._account(stored, prepared)
            self._claim_strangers(prepared.receipts)
            self._busy_at = self._clock.monotonic()
        else:
            self._lag_s = 0.0
        self._store_pictures()
        persist(self._look_at_leases)
        persist(self._publish_acks)
        persist(self._beat)

    def _acknowledge(self, receipts: Sequence[Receipt]) -> None:
        self._session.acknowledge([(each.delivery.generation, each.delivery.mid) for each in receipts])

    def _account(self, stored: Sequence[Stored], prepared: Prepared) -> None:
        births = [
            each.delivery.topic.split("/")[2] for each in prepared.receipts if each.delivery.topic.endswith("/birth")
        ]
        for each in stored:
            counts.count(each)
            self._acks.note(each.stations, at_once=births)
        self._lag_s = max(0.0, (self._clock.us() - prepared.received[0].received_us) / 1e6)
        counts.account(self._slot, self._inbox, self._lag_s, self._session.stale_acknowledgements)
        counts.PASSED_OVER.labels("station_of_another_worker").inc(len(prepared.received) - len(prepared.receipts))
        if any(each.dead_letters or each.conflict for each in stored):
            log.warning(
                "misfits_kept",
                dead_letters=sum(each.dead_letters for each in stored),
                conflicts=sum(each.conflict for each in stored),
            )

    def _picture_arrived(self, delivery: Delivery) -> None:
        self._album.put(Receipt(delivery, self._clock.us()))

    def _store_pictures(self) -> None:
        while self._pictures is not None and (receipt := self._album.peek()) is not None:
            outcome = self._writer.write_picture(receipt)  # commits
            self._pictures.acknowledge([(receipt.delivery.generation, receipt.delivery.mid)])
            self._album.done()
            self._acks.note({outcome.station: receipt.received_us})
            counts.PICTURES.labels(outcome.outcome).inc()

    def _open_slot(self) -> None:
        if self._slot:
            leases.open_slot(self._writer.tenure.conn, self._slot)

    def _close_slot(self) -> None:
        leases.close_slot(self._writer.tenure.conn, self._slot)
        log.info("slot_closed", slot=self._slot)

    def _is_done(self) -> bool:
        """Whether the slot is one too many, has no stations, and has been sent nothing for a while."""
        quiet = self._clock.monotonic() - self._busy_at > QUIET_S
        return self._subscriber.is_needless and quiet and self._session.connected and not self._inbox.depth

    def _look_at_leases(self) -> None:
        """Learn which stations are whose, and be sent what this slot receives; as slot 0 move them."""
        conn, now = self._writer.tenure.conn, self._clock.now()
        if self._sessions_lost.is_set():
            self._sessions_lost.clear()
            leases.forget_granted(conn)
            self._next_look = 0.0
        if self._clock.monotonic() < self._next_look:
            return
        self._next_look = self._clock.monotonic() + leases.EVERY_S
        may_move = self._slot == 0 and self._lag_s < BACKLOG_S and healthy_times.all_slots_well(conn, now, BACKLOG_S)
        self._subscriber.look(conn, self._session, self._writer.registry.stations.keys(), may_move=may_move)

    def _claim_strangers(self, receipts: Sequence[Receipt]) -> None:
        heard = {station_in(each.delivery.topic) for each in receipts if each.delivery.topic.endswith(REPORT_ENDINGS)}
        if heard:
            self._writer.tenure.persist(lambda: self._subscriber.claim(self._writer.tenure.conn, heard))

    def _publish_acks(self) -> None:
        if not self._session.connected:
            return
        conn, now = self._writer.tenure.conn, self._clock.monotonic()
        while not self._acks_not_taken.empty():
            self._acks.again(self._acks_not_taken.get_nowait())
        if self._announce.is_set():
            self._announce.clear()
            self._acks.publish_all(conn, now, self._subscriber.own)
        if now >= self._next_tails:
            self._next_tails = now + TAILS_EVERY_S
            self._acks.note_tails(conn, self._subscriber.own)
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
        if self._slot == 0:
            whole = healthy_times.all_slots_well(conn, now, BACKLOG_S)
            healthy_times.record(conn, now, whole and self._session.subscribed and lag_s < BACKLOG_S)
        self._next_beat = self._clock.monotonic() + BEAT_EVERY.total_seconds()

    def _end_beat(self) -> None:
        Beat(self._writer.tenure.conn, "ingest", self._name, self._started_at).end()

    def _connected(self, connected: Connected) -> None:
        if connected.generation == 1 or not connected.session_present:
            self._announce.set()
        if not connected.session_present and self._slot == 0:
            self._sessions_lost.set()  # those of the other slots are gone too
        if connected.generation > 1 and not connected.session_present:
            log.error("broker_lost_session", do="the stations send again what is missing; look at the broker")

    def _ack_settled(self, settled: SettledPublish) -> None:
        if settled.outcome not in (Outcome.DELIVERED, Outcome.NO_SUBSCRIBER):  # retained either way
            self._acks_not_taken.put(str(settled.tag))

    def ready(self) -> health.Answer:
        """Whether messages are received and stored now, or why not."""
        if not self._writer.tenure.connected:
            return "no connection to the database"
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
