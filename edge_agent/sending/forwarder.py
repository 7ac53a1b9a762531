"""The forwarder: records go from intake to spool to broker, and the centre's acks settle them.

The path of a record: `Intake` → `Spool.append` (synced) → `Lanes` → PUBACK → ack of the centre → settled. One thread
calls everything here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from edge_agent.clocks.clock import Moment
from edge_agent.clocks.timekeeper import Timekeeper
from edge_agent.sending.announcement import Identity, identity_of
from edge_agent.sending.lanes import Lanes, Parcel, Publisher
from edge_agent.sending.presence import Presence
from edge_agent.slots.continuity import Continuity, series_of
from edge_agent.spooling import settlement
from edge_agent.spooling.intake import Intake
from edge_agent.spooling.ranges import Range, RangeSet
from edge_agent.spooling.record_store import RecordStore
from edge_agent.spooling.report import SpoolReport, report, waiting
from edge_agent.spooling.settlement import read_ack
from edge_agent.spooling.spool import Spool
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolUnwritable
from quantrac.config.stations import Station
from quantrac.mqtt.delivery import SettledPublish
from quantrac.observe.logs import logger
from quantrac.observe.metrics import counter, gauge
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import Ack, Held, WireError, bundle, decode_ack

log = logger(__name__)

ROOM_EVERY_S: Final = 10.0
FIRST_ACK_WAIT_S: Final = 1.0
"""Old messages wait this long after a connect for the retained ack, which may say that they are settled."""
GATHER_S: Final = 0.02
"""Slots close together: what comes within this time is synced together, which spares the card."""
FULL_DISK_EVERY_S: Final = 2.0
MOST_AGAIN: Final = 50_000
"""Messages that one request may have sent again: about 10 MB."""
ROWS_FOR_FULL_DISK: Final = 500
"""Acknowledged messages dropped at each try to write to a full disk."""

WAITING = gauge("quantrac_edge_waiting_messages", "Messages the centre has not acknowledged yet.")
LOST = counter("quantrac_edge_lost_total", "Messages that will never reach the centre.", ["reason"])


class AskedForTooMuch(QuantracError):
    """The messages asked for cannot be sent again."""


class Forwarder:
    """Stores, publishes and settles; one thread calls everything here.

    Call `turn` after every other call, and again after the time it returns.

    Any call but `turn` may raise SpoolDamaged: then call `renew`; or SpoolUnwritable: then call `stall`.
    """

    def __init__(
        self,
        spool: Spool,
        intake: Intake,
        transport: Publisher,
        identity: Identity,
        *,
        rate: float,
        continuity: Continuity,
        clock: Timekeeper,
    ) -> None:
        """Forward what `spool` holds and what comes by `intake`; old messages at most `rate` a second."""
        self._spool, self._intake, self._transport = spool, intake, transport
        self._presence = Presence(identity, spool, transport)
        self._rate = rate
        self._storing = RecordStore(spool, intake, continuity, clock)
        self._connected_s: float | None = None
        self._heard_s: float | None = None
        self._ack_t = 0
        self._room_s = self._disk_until_s = float("-inf")
        self._gather_until_s: float | None = None
        self._disk = "ok"
        self._adopt()

    @property
    def depth(self) -> int:
        """Messages that the centre has not acknowledged yet, those in memory included."""
        return self._depth + len(self._intake)

    @property
    def drained(self) -> bool:
        """Whether all that was produced is acknowledged end to end, or given up, and nothing is under way."""
        return not self._lanes.under_way and not self.depth

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the broker."""
        return self._connected_s is not None

    def speak_of(self, others: Callable[[], dict[str, Held]]) -> None:
        """Let birth and status name other spools of the station, too: that of the pictures."""
        self._presence.others = others

    def connected(self, now: Moment) -> None:
        """Note a new connection, and announce the station."""
        self._connected_s, self._heard_s = now.s, None
        self._lanes.begin()
        self.announce(now)

    def disconnected(self) -> None:
        """Note the end of the connection; the session answers every publish under way with UNKNOWN."""
        self._connected_s = None

    def become(self, station: Station, now: Moment) -> None:
        """Go on with another configuration of the same station, and announce it."""
        self._presence.identity = identity_of(station)
        self._spool.size_bytes, self._spool.keep_ms = station.spool.size_bytes, station.spool.keep_ms
        self._storing.become(series_of(station))
        if station.backfill_rate != self._rate:
            self._rate = station.backfill_rate
            self._lanes.pace(self._rate)
        if self.is_connected:
            self.announce(now)

    def send_again(self, from_ms: int, to_ms: int) -> int:
        """Publish once more what is stored of this time (both ends included), as backfill; returns how many messages.

        The books do not change: the centre has them already, or takes what it misses. Raises AskedForTooMuch.
        """
        if not self.is_connected:
            raise AskedForTooMuch("there is no link now")
        lines = self._spool.lines_between(from_ms, to_ms, MOST_AGAIN + 1)
        if len(lines) > MOST_AGAIN:
            raise AskedForTooMuch(f"more than {MOST_AGAIN} messages are of that time; ask for a shorter one")
        left = lines
        while left:
            payload, count = bundle(left)
            self._transport.publish(topic(self._presence.identity.station, "backfill"), payload)
            left = left[count:]
        return len(lines)

    def announce(self, now: Moment) -> None:
        """Publish birth and status, to which the centre answers with an ack."""
        self._presence.announce(now)

    def say_goodbye(self, now: Moment) -> None:
        """Publish that the station goes offline on purpose."""
        if self.is_connected:
            self._presence.say_status(now, online=False)

    def answered(self, answer: SettledPublish, now: Moment) -> None:
        """Take the outcome of a publish from the session."""
        if isinstance(answer.tag, Parcel) and answer.tag.lanes is self._lanes:
            self._lanes.answered(answer.tag, answer, now.s)

    def heard(self, payload: bytes, now: Moment, *, retained: bool) -> None:
        """Take an ack; a retained one that is older than the last is only the broker's memory, and is ignored."""
        try:
            ack = decode_ack(payload)
        except WireError as error:
            log.warning("ack_refused", error=str(error))
            return
        if retained and ack.t < self._ack_t:
            return
        self._ack_t, self._heard_s = ack.t, now.s
        self._obey(ack, now)

    def turn(self, now: Moment) -> float:
        """Do what can be done now; return after how many seconds to call again if nothing else happens."""
        try:
            self._append(now)
            if self._connected_s is not None:
                self._presence.say_status_if_due(now)
                self._lanes.send_live(now.s)
                if self._heard_s is not None or now.s - self._connected_s >= FIRST_ACK_WAIT_S:
                    self._lanes.send_old(self._first, now.s)
            self._make_room_if_due(now)
        except SpoolDamaged as damage:
            self.renew(damage, now)
        except SpoolUnwritable as full:
            self.stall(full, now)
        self._count()
        return self._pause(now)

    def last_turn(self, now: Moment) -> None:
        """Store at the agent's end what has come, without waiting for more or for the disk."""
        self._gather_until_s, self._disk_until_s = now.s, float("-inf")
        self.turn(now)

    def stall(self, full: SpoolUnwritable, now: Moment) -> None:
        """Keep in memory what comes while the disk cannot be written, and try again soon."""
        if self._disk == "ok":
            log.error("spool_unwritable", error=str(full), kept_in_memory=len(self._intake))
        self._disk, self._disk_until_s = str(full), now.s + FULL_DISK_EVERY_S

    def renew(self, damage: SpoolDamaged, now: Moment) -> None:
        """Go on with a new spool; what can be read of the damaged one is sent under its old epoch."""
        self._spool.renew(str(damage), now.ms)
        self._storing.spool_is_new()
        self._adopt()
        self.record_event("spool_damaged", f"{damage}; new epoch {self._spool.epoch}", now)
        if self.is_connected:
            self.announce(now)

    def report(self) -> SpoolReport:
        """Return the state of the spool."""
        return report(
            self._presence.identity.station,
            self._spool.spans(),
            self._spool.fate,
            used_bytes=self._spool.used_bytes(),
            size_bytes=self._spool.size_bytes,
            running=True,
            connected=self.is_connected,
            in_memory=len(self._intake),
            undated=self._spool.count_undated(),
            disk=self._disk,
            unstored=self._unstored,
        )

    @property
    def lost(self) -> int:
        """What will never arrive, since the spool was made: dropped unacknowledged, given up, or never stored."""
        return self._lost + self._unstored

    def record_event(self, kind: str, detail: str, now: Moment) -> None:
        """Put an event of the station itself on record."""
        self._intake.tell(kind, detail, now.ms)

    def _adopt(self) -> None:
        """Take the spool as it is now."""
        self._lanes = Lanes(
            self._presence.identity.station, self._spool, self._transport, rate=self._rate, on_refused=self._refused
        )
        self._first = self._spool.first()
        self._unstored = self._spool.count_unstored()
        self._given_up: list[tuple[list[Range], str]] = []
        self._count()

    def _append(self, now: Moment) -> None:
        self._put_refusals_on_record(now)
        if not self._storing.has_work or now.s < self._disk_until_s:
            return
        if self._gather_until_s is None:
            self._gather_until_s = now.s + GATHER_S
        if now.s < self._gather_until_s:
            return
        self._gather_until_s = None
        try:
            made = self._storing.store(now)
        except SpoolUnwritable as full:
            self._disk_is_full(full, now)
        else:
            self._disk_is_fine(now)
            self._lanes.queue(made, now.s)

    def _disk_is_full(self, full: SpoolUnwritable, now: Moment) -> None:
        self.stall(full, now)
        try:
            self._dropped(self._spool.make_room(now.ms, at_least_rows=ROWS_FOR_FULL_DISK), now)
        except SpoolUnwritable as error:
            log.debug("spool_room_refused", error=str(error))

    def _disk_is_fine(self, now: Moment) -> None:
        lost = self._intake.take_lost() + self._storing.take_lost()
        LOST.labels("memory").inc(lost)
        if lost:
            self._unstored = self._spool.count_unstored(lost)
        if self._disk != "ok":
            log.warning("spool_recovered", records_lost=lost)
            self.record_event("spool_unwritable", f"{self._disk}; {lost} records lost", now)
        elif lost:
            log.error("records_lost", count=lost, why="the disk is too slow")
            self.record_event("records_lost", f"{lost} records lost: the disk is too slow", now)
        self._disk = "ok"

    def _refused(self, parts: list[Range], why: str) -> None:
        self._given_up.append((parts, why))

    def _put_refusals_on_record(self, now: Moment) -> None:
        for parts, why in self._given_up:
            count = sum(part.hi - part.lo + 1 for part in parts)
            LOST.labels("refused").inc(count)
            log.error("messages_refused", count=count, first_place=parts[0].lo, why=why)
            self.record_event("messages_refused", f"{count} given up: {why}", now)
            self._spool.note_change()
            self._presence.has_changed()
        self._given_up.clear()

    def _obey(self, ack: Ack, now: Moment) -> None:
        spans = self._spool.spans()
        current = spans[-1]
        answer = read_ack(ack, spans)
        unsure = answer.settled.minus(self._spool.fate.settled).within(current.base + 1, self._spool.last)
        change = self._lanes.settlement.obey(answer, age_s=(now.ms - ack.t) / 1000, now_s=now.s)
        if change.settled or change.reverted or change.refused:
            self._spool.note_change()
        if change.reverted:
            log.warning("ack_went_back", messages=change.reverted)
        if change.failed:
            log.warning("messages_lost_on_the_way", messages=change.failed)
        if change.refused:
            self._refused(change.refused, f"{settlement.MOST_FAILURES} sends failed")
        if answer.beyond:
            self._begin_epoch(unsure, now)

    def _begin_epoch(self, unsure: list[Range], now: Moment) -> None:
        """Begin a new epoch, since the centre knows seqs of ours that we never made; repeat what may be unsent."""
        try:
            epoch = self._spool.begin_epoch(unsure, now.ms)
        except SpoolUnwritable as full:
            self._disk_is_full(full, now)  # the next ack repeats it
            return
        again = sum(part.hi - part.lo + 1 for part in unsure)
        log.error("epoch_replaced", new=epoch, said_again=again)
        self.record_event("epoch_changed", f"new epoch {epoch}: the centre knows more of the old one than we", now)
        if self.is_connected:
            self.announce(now)

    def _make_room_if_due(self, now: Moment) -> None:
        if now.s - self._room_s < ROOM_EVERY_S:
            return
        self._room_s = now.s
        try:
            self._dropped(self._spool.make_room(now.ms), now)
        except SpoolUnwritable as full:
            self._disk_is_full(full, now)
        else:
            if self._spool.is_too_large:  # what is new is stored in between
                self._room_s = float("-inf")

    def _dropped(self, lost: RangeSet, now: Moment) -> None:
        self._first = self._spool.first()
        if not len(lost):
            return
        for part in lost:
            self._lanes.settlement.forget(part)
        LOST.labels("dropped").inc(lost.count())
        log.error("messages_dropped", count=lost.count(), why="the spool has reached its size")
        self.record_event("messages_dropped", f"{lost.count()} unacknowledged: the spool has reached its size", now)
        self._presence.has_changed()

    def _count(self) -> None:
        self._depth = waiting(self._spool.fate, self._first, self._spool.last)
        self._lost = self._spool.fate.lost.count() + self._spool.fate.refused.count()
        WAITING.set(self._depth)

    def _pause(self, now: Moment) -> float:
        if self._storing.has_work or self._given_up:
            return max(0.0, self._disk_until_s - now.s, (self._gather_until_s or now.s) - now.s)
        return self._lanes.pause_s() if self.is_connected else 1.0
