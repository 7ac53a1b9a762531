"""The two lanes to the broker: they choose what is published next, and act on the broker's answers.

New messages go singly on `readings`, ahead of everything. Whatever that lane does not carry follows on `backfill`,
oldest first, in bundles, at a limited rate and with few publishes under way: a new message never waits behind many.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from edge_agent.sending.pace import Pace
from edge_agent.spooling.ranges import Range, RangeSet
from edge_agent.spooling.settlement import RESEND_AFTER_S, Settlement
from edge_agent.spooling.spool import Spool, Spooled
from quantrac.mqtt.delivery import PACKET_TOO_LARGE, Outcome, SettledPublish
from quantrac.observe.logs import logger
from quantrac.telemetry.topics import TopicKind, topic
from quantrac.telemetry.wire import bundle

log = logger(__name__)

WINDOW: Final = 100
"""Most publishes without PUBACK; the session lowers it to the broker's Receive Maximum."""
BACKFILL_WINDOW: Final = 4
"""Of these for old messages."""
LIVE_MOST: Final = 200
"""Messages on the live lane; older ones are left to the backfill lane."""
LIVE_AGE_S: Final = 60.0
BUSY_S: Final = 5.0
"""Rest after the broker's quota is used up."""
NOT_AUTHORIZED: Final = 0x87
"""PUBACK reason: the user may not publish to this topic (MQTT 5, 3.4.2.1)."""


class Publisher(Protocol):
    """An MQTT session; it reports the outcome of each publish to `Lanes.answered`, exactly once."""

    def publish(self, topic: str, payload: bytes, tag: object = None, *, retain: bool = False) -> None:
        """Publish at QoS 1."""


class Parcel(NamedTuple):
    """One publish under way."""

    parts: list[Range]
    live: bool
    published_s: float
    size: int
    """Bytes of the payload."""
    bytes_ahead: int
    """Old messages under way when it was published, itself included, bytes."""
    lanes: Lanes
    """Answers to parcels of lanes that have been replaced mean nothing to their successors."""


class Lanes:
    """Publishes what the spool holds; one thread calls everything here."""

    def __init__(
        self,
        station: str,
        spool: Spool,
        transport: Publisher,
        *,
        rate: float,
        on_refused: Callable[[list[Range], str], None],
    ) -> None:
        """Old messages go at most at `rate` a second; `on_refused` takes the places given up and the reason."""
        self._station, self._spool, self._transport = station, spool, transport
        self._rate, self._on_refused = rate, on_refused
        self.settlement = Settlement(*spool.fate, last=spool.last)
        self._live: deque[tuple[Spooled, float]] = deque()
        self._queued = RangeSet()
        self._pace = Pace(rate)
        self._under_way = self._old_under_way = self._old_bytes = 0
        self._rest_until_s = self._unheard_until_s = float("-inf")
        self._held_by_rate = False

    @property
    def under_way(self) -> int:
        """Publishes without an answer."""
        return self._under_way

    def pause_s(self) -> float:
        """Return how long to wait before sending again, if nothing else happens: until the rate allows more."""
        return min(1.0, max(0.02, self._pace.wait_s())) if self._held_by_rate else 1.0

    def begin(self) -> None:
        """Begin a new connection, of whose speed nothing is known."""
        self._pace = Pace(self._rate)
        self._rest_until_s = float("-inf")

    def pace(self, rate: float) -> None:
        """Send at most `rate` old messages a second from now on."""
        self._rate = self._pace.rate = rate

    def queue(self, made: Iterable[Spooled], now_s: float) -> None:
        """Put new messages on the live lane; what it has no room for, or is not given, is left to the other."""
        for spooled in made:
            self._live.append((spooled, now_s))
            self._queued.add(spooled.n, spooled.n)
        while len(self._live) > LIVE_MOST:
            self._leave_to_backfill(self._live.popleft()[0])

    def send_live(self, now_s: float) -> None:
        """Publish new messages as far as the window allows."""
        while self._live and self._under_way < WINDOW and now_s >= self._rest_until_s:
            spooled, queued_s = self._live.popleft()
            if now_s - queued_s > LIVE_AGE_S:
                self._leave_to_backfill(spooled)
                continue
            part = Range(spooled.n, spooled.n)
            self._queued.remove(*part)
            if spooled.n not in self.settlement.settled:
                self.settlement.publish(part, now_s)
                parcel = Parcel([part], True, now_s, len(spooled.line), self._old_bytes, self)
                self._publish("readings", spooled.line, parcel)

    def send_old(self, first: int, now_s: float) -> None:
        """Publish old messages, from place `first` on, as far as rate and window allow."""
        self._held_by_rate = False
        if now_s < max(self._rest_until_s, self._unheard_until_s):
            return
        while self._old_under_way < self._old_window and self._under_way < WINDOW:
            allowed = self._pace.allowance(now_s)
            parts, lines = self._collect(first, allowed, now_s) if allowed else ([], [])
            if not lines:
                self._held_by_rate = not allowed
                return
            self._pace.spend(len(lines))
            payload = bundle(lines)[0]
            self._old_under_way += 1
            self._old_bytes += len(payload)
            self._publish("backfill", payload, Parcel(parts, False, now_s, len(payload), self._old_bytes, self))

    def answered(self, parcel: Parcel, answer: SettledPublish, now_s: float) -> None:
        """Take the outcome of a parcel of these lanes."""
        self._under_way -= 1
        if not parcel.live:
            self._old_under_way -= 1
            self._old_bytes -= parcel.size
        match answer.outcome:
            case Outcome.DELIVERED:
                self._delivered(parcel, now_s)
            case Outcome.UNKNOWN:
                self._pace.shrink()
                self._withdraw(parcel, now_s)
            case Outcome.NO_SUBSCRIBER:  # the centre has never been there: only new messages go on knocking
                self._unheard_until_s = now_s + RESEND_AFTER_S
                self._withdraw(parcel, parcel.published_s + RESEND_AFTER_S)
            case Outcome.BUSY:
                self._rest_until_s = now_s + BUSY_S
                self._withdraw(parcel, self._rest_until_s)
            case Outcome.REFUSED:
                self._refused(parcel, answer.reason, now_s)

    @property
    def _old_window(self) -> int:
        return BACKFILL_WINDOW if self._pace.is_measured else 1

    def _collect(self, first: int, most: int, now_s: float) -> tuple[list[Range], list[bytes]]:
        """Return the oldest due messages of one bundle and their places, marked as published."""
        parts: list[Range] = []
        lines: list[bytes] = []
        room = self._pace.bundle_bytes
        while most > len(lines) and (room > 0 or not lines):
            due = self.settlement.next_due(first, self._spool.last, self._queued, now_s)
            read = self._spool.read(*due, most - len(lines), room) if due else []
            if due is None or (read and lines and len(read[0].line) + 1 > room):
                break
            part = Range(due.lo, read[-1].n) if read else due
            self._note_absent(part, read)
            if read:
                self.settlement.publish(part, now_s)
                parts.append(part)
                lines += [spooled.line for spooled in read]
                room -= sum(len(spooled.line) + 1 for spooled in read)
        return parts, lines

    def _note_absent(self, part: Range, read: list[Spooled]) -> None:
        """Enter as lost what should be in the spool and is not."""
        for gap in RangeSet((spooled.n, spooled.n) for spooled in read).gaps(*part):
            log.error("messages_vanished", lo=gap.lo, hi=gap.hi)
            self._spool.fate.lost.add(*gap)
            self._spool.note_change()

    def _publish(self, kind: TopicKind, payload: bytes, parcel: Parcel) -> None:
        self._under_way += 1
        self._transport.publish(topic(self._station, kind), payload, parcel)

    def _delivered(self, parcel: Parcel, now_s: float) -> None:
        for part in parcel.parts:
            self.settlement.deliver(part, now_s)
        self._unheard_until_s = float("-inf")
        if not parcel.live:
            self._pace.answered(now_s - parcel.published_s, parcel.bytes_ahead, BACKFILL_WINDOW)

    def _withdraw(self, parcel: Parcel, due_s: float) -> None:
        for part in parcel.parts:
            self.settlement.withdraw(part, due_s)

    def _refused(self, parcel: Parcel, reason: int, now_s: float) -> None:
        if reason == NOT_AUTHORIZED:  # the broker's rights are wrong, not the message
            log.error("publish_not_authorized", station=self._station, do="give the station's user its own topics")
            self._rest_until_s = now_s + RESEND_AFTER_S
            self._withdraw(parcel, self._rest_until_s)
        elif sum(part.hi - part.lo + 1 for part in parcel.parts) > 1:  # which of them? smaller bundles will tell
            self._pace.bundle_bytes = max(1, self._pace.bundle_bytes // 2) if reason == PACKET_TOO_LARGE else 1
            self._withdraw(parcel, now_s)
        else:
            for part in parcel.parts:
                self.settlement.refuse(part)
            self._on_refused(parcel.parts, f"the broker answered 0x{reason & 0xFF:02X}")

    def _leave_to_backfill(self, spooled: Spooled) -> None:
        self._queued.remove(spooled.n, spooled.n)
        self.settlement.look_again()
