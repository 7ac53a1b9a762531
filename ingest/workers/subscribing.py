"""What a slot is sent by the broker: decided from the leases, asked of the session, noted in the leases."""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Final, NamedTuple

from ingest.workers import leases
from ingest.workers.leases import Leases
from quantrac.database.pool import Connection
from quantrac.mqtt import Session, Subscription
from quantrac.observe.logs import logger
from quantrac.telemetry import topics

KINDS: Final[tuple[topics.TopicKind, ...]] = ("readings", "backfill", "birth", "status")
DATA: Final[tuple[topics.TopicKind, ...]] = ("readings", "backfill")
WATCHED: Final[tuple[topics.TopicKind, ...]] = ("birth", "status")
"""What slot 0 hears of every station, whoever receives its data."""
LONGEST_NAME: Final = 64
"""Of a stranger, characters."""
MOST_LEASES: Final = 10_000
"""With more of them strangers are not listened to: somebody makes them up."""

log = logger(__name__)


class Wanted(NamedTuple):
    """The filters that a slot wants, and those that it does not want any more."""

    filters: frozenset[str]
    ended: frozenset[str]


def filters(slot: int, station: str | None) -> frozenset[str]:
    """Return what a slot subscribes to for a station; for all of them where it is None."""
    kinds = KINDS if slot or station is None else DATA  # slot 0 watches the rest of every station anyway
    return frozenset(topics.subscription(kind, station) if station else topics.subscription(kind) for kind in kinds)


def wanted(slot: int, slots: int, held: Leases, stations: Iterable[str]) -> Wanted:
    """Decide what a slot wants to be sent.

    Args:
        slot: which one.
        slots: how many there shall be. A single one is sent everything.
        held: the leases as they stand.
        stations: all that are configured. While not each has a slot that receives it, slot 0 is sent everything.
    """
    own = frozenset[str]().union(*(filters(slot, station) for station in held.of(slot)))
    left = frozenset[str]().union(*(filters(slot, station) for station in held.left_by(slot)))
    if slot:
        return Wanted(own, left - own)
    every, watched = filters(0, None), frozenset(topics.subscription(kind) for kind in WATCHED)
    if slots == 1:
        return Wanted(every, own | left)
    if not held.cover(stations):
        return Wanted(own | every, left - own)
    return Wanted(own | watched, (left - own) | (every - watched))


class Subscriber:
    """Keeps the subscriptions of one slot's session as the leases have them, and as slot 0 moves the leases."""

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self._asked: frozenset[str] = filters(0, None) if slot == 0 else frozenset()
        self._given_up: frozenset[str] = frozenset()
        self._held = Leases()
        self.slots = 1
        """How many slots there shall be; set by the process."""

    @property
    def first(self) -> list[Subscription]:
        """What the session subscribes to before the leases are known."""
        return [Subscription(each) for each in sorted(self._asked)]

    @property
    def elsewhere(self) -> frozenset[str]:
        """Stations whose births and statuses this slot passes over."""
        return self._held.received_elsewhere if self._slot == 0 and self.slots > 1 else frozenset()

    @property
    def own(self) -> list[str] | None:
        """The stations that this slot answers to; None for all."""
        return None if self.slots == 1 and self._slot == 0 else self._held.of(self._slot)

    @property
    def is_needless(self) -> bool:
        """Whether the slot is one too many and has nothing to receive any more."""
        return self._slot >= self.slots and not self._held.concern(self._slot)

    def look(self, conn: Connection, session: Session, stations: Set[str], *, may_move: bool) -> None:
        """Read the leases, move stations as slot 0, subscribe and unsubscribe, and note what the broker has done."""
        self._held = leases.read(conn)
        if self._slot == 0:
            self._divide(conn, stations, may_move=may_move)
        want = wanted(self._slot, self.slots, self._held, stations)
        self._ask(session, want.filters - self._asked, want.ended - self._given_up)
        self._asked, self._given_up = want.filters, (self._given_up | want.ended) - want.filters
        self._note(conn, session)

    def claim(self, conn: Connection, heard: Iterable[str]) -> None:
        """Listen to stations that were heard of and that nobody has: what they send becomes dead letters."""
        if self._slot or self.slots == 1:
            return
        known = self._held.slot_of
        new = sorted(
            name
            for name in set(heard) - known.keys()
            if topics.STATION_NAME.fullmatch(name) and len(name) <= LONGEST_NAME
        )
        if new and len(known) < MOST_LEASES:
            leases.add(conn, dict.fromkeys(new, 0))
            log.warning("strangers_heard", stations=new, do="quantrac stations apply, or refuse them at the broker")

    def _ask(self, session: Session, more: frozenset[str], fewer: frozenset[str]) -> None:
        if more:
            session.subscribe([Subscription(each) for each in sorted(more)])
        if fewer:
            session.unsubscribe(fewer)
        if more or fewer:
            log.info("subscriptions_change", slot=self._slot, more=sorted(more), fewer=sorted(fewer))

    def _divide(self, conn: Connection, stations: Set[str], *, may_move: bool) -> None:
        held = self._held.slot_of
        known = set(stations) | {name for name, slot in held.items() if slot >= self.slots}
        if self.slots == 1 and not held:
            return
        given = leases.balance(known, held, self.slots)
        new = {station: slot for station, slot in given.items() if station not in held}
        moves = {station: slot for station, slot in given.items() if station in held and station in self._held.at_rest}
        if new and self.slots > 1:
            leases.add(conn, new)
            log.info("stations_given", slots=dict(sorted(new.items())))
        if moves and may_move and leases.move(conn, moves):
            log.info("stations_move", slots=dict(sorted(moves.items())))
        if (new and self.slots > 1) or moves:
            self._held = leases.read(conn)

    def _note(self, conn: Connection, session: Session) -> None:
        slot, all_of_them = self._slot, filters(0, None)
        everything = slot == 0 and session.granted >= all_of_them
        arrived = [each.station for each in self._held if each.slot == slot and not each.subscribed]
        granted = [station for station in arrived if everything or session.granted >= filters(slot, station)]
        if granted:
            leases.note_granted(conn, slot, granted)
        left = [each for each in self._held.left_by(slot) if session.ended >= filters(slot, each)]
        if left:
            leases.note_left(conn, slot, left)
        if slot == 0 and self.slots == 1 and everything:
            leases.end(conn, {each for each in self._held.at_rest if session.ended >= filters(0, each)})
