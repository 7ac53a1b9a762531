"""The lane of pictures to the broker: one at a time, oldest first, with a rest after each as long as it took.

A picture stays in the spool until the centre's ack settles its seq, by the same rules as readings (`settlement`).
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Final, Protocol

from edge_agent.cameras.picture_spool import PictureSpool
from edge_agent.clocks.clock import Moment
from edge_agent.spooling import settlement
from edge_agent.spooling.fate import EpochSpan
from edge_agent.spooling.ranges import Range, RangeSet
from edge_agent.spooling.settlement import RESEND_AFTER_S, Settlement, read_ack
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolError
from quantrac.mqtt.delivery import Outcome, SettledPublish
from quantrac.observe.logs import logger
from quantrac.telemetry.topics import topic
from quantrac.telemetry.wire import Ack, Held

log = logger(__name__)

LEAST_REST_S: Final = 0.2
BUSY_S: Final = 5.0


class _Transport(Protocol):
    """An MQTT session."""

    def publish(
        self, topic: str, payload: bytes, tag: object = None, *, user_properties: list[tuple[str, str]]
    ) -> None:
        """Publish at QoS 1; what became of it comes to `PictureLane.answered`."""


class PictureLane:
    """Publishes what the picture spool holds; one thread calls everything here."""

    def __init__(self, station: str, spool: PictureSpool, transport: _Transport) -> None:
        self._station, self._spool, self._transport = station, spool, transport
        try:
            self._settlement = self._known()
        except SpoolDamaged as damage:
            spool.renew(str(damage))
            self._settlement = self._known()
        self._under_way: tuple[int, float] | None = None
        self._rest_until_s = float("-inf")
        self._said: dict[str, Held] = {}
        self.connected = False

    def turn(self, now: Moment) -> float:
        """Publish the next picture if it is time; return after how many seconds to call again."""
        if not self.connected or self._under_way is not None:
            return 1.0
        if now.s < self._rest_until_s:
            return self._rest_until_s - now.s
        last = self._spool.last
        due = self._settlement.next_due(1, last, RangeSet(), now.s) if last else None
        if due is None:
            return 1.0
        picture = self._spool.read(due.lo)
        part = Range(due.lo, due.lo)
        if picture is None:  # dropped for newer ones
            self._settlement.refuse(part)
            return 0.0
        self._settlement.publish(part, now.s)
        self._under_way = picture.seq, now.s
        said = {"epoch": self._spool.epoch, "seq": picture.seq, "t": picture.t_ms}
        words = [*((name, str(value)) for name, value in said.items()), ("camera", picture.camera)]
        self._transport.publish(
            topic(self._station, "image"), picture.jpeg, picture.seq, user_properties=[*words, ("cause", picture.cause)]
        )
        return 1.0

    def answered(self, answer: SettledPublish, now: Moment) -> None:
        """Take the outcome of a publish from the session."""
        if self._under_way is None or answer.tag != self._under_way[0]:
            return
        (seq, since_s), self._under_way = self._under_way, None
        part = Range(seq, seq)
        self._rest_until_s = now.s + max(LEAST_REST_S, now.s - since_s)
        match answer.outcome:
            case Outcome.DELIVERED:
                self._settlement.deliver(part, now.s)
            case Outcome.REFUSED:
                self._give_up([part], f"the broker answered 0x{answer.reason & 0xFF:02X}")
            case Outcome.BUSY:
                self._rest_until_s = now.s + BUSY_S
                self._settlement.withdraw(part, self._rest_until_s)
            case Outcome.NO_SUBSCRIBER:
                self._rest_until_s = now.s + RESEND_AFTER_S
                self._settlement.withdraw(part, self._rest_until_s)
            case Outcome.UNKNOWN:
                self._settlement.withdraw(part, now.s)

    def heard(self, ack: Ack, now: Moment) -> None:
        """Take an ack of the centre."""
        last = self._spool.last
        answer = read_ack(ack, [EpochSpan(self._spool.epoch, 0, 1, last)])
        if answer.beyond:  # a restored card: the centre knows pictures of ours that we never took
            self._begin_epoch()
            return
        gone = self._settlement.settled.minus(answer.settled)  # settled long ago, or dropped: not here any more
        for part in gone:
            answer.settled.add(*part)
        change = self._settlement.obey(answer, age_s=(now.ms - ack.t) / 1000, now_s=now.s)
        self._spool.remove(answer.settled)
        if change.refused:
            self._give_up(change.refused, f"{settlement.MOST_FAILURES} sends failed")

    def said(self) -> dict[str, Held]:
        """Return what stands in birth and status of this epoch, and of those before that are gone; never raises.

        Readings must not suffer from the pictures' disk: what cannot be read now is said as it was last.
        """
        with suppress(SpoolError, sqlite3.ProgrammingError):  # the latter: it is closed already
            held, last = self._spool.held(), self._spool.last
            first = next(iter(held)).lo if len(held) else last + 1
            now = {self._spool.epoch: Held(first, last, self._spool.refused())} if last else {}
            self._said = {epoch: Held(gone + 1, gone) for epoch, gone in self._spool.earlier().items()} | now
        return self._said

    def renew(self, why: str) -> None:
        """Go on with a new spool; what can be read of the damaged one is sent under the new epoch."""
        self._spool.renew(why)
        self._settlement, self._under_way = self._known(), None

    def _known(self) -> Settlement:
        last = self._spool.last
        gone = RangeSet(self._spool.held().gaps(1, last)) if last else RangeSet()
        return Settlement(gone, RangeSet(), RangeSet(), last=last)

    def _begin_epoch(self) -> None:
        self._spool.begin_epoch()
        log.error("picture_epoch_replaced", new=self._spool.epoch)
        self._settlement, self._under_way = self._known(), None

    def _give_up(self, parts: list[Range], why: str) -> None:
        log.error("picture_refused", first=parts[0].lo, why=why)
        for part in parts:
            self._settlement.refuse(part)
        self._spool.remove(parts, refused=True)
