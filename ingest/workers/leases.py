"""Which slot receives which stations (decision 0154).

A slot is one durable session at the broker and one connection to the database. With a single slot nobody needs a lease:
it subscribes to every station. With several, each station has a lease, its slot subscribes to it by name, and slot 0
also watches births and statuses of all, so as to hear of stations that no file names. A station moves in three steps:
its lease names the new slot; the broker has granted the new one its subscriptions; the old one has ended its own. In
between both receive, so nothing is lost, and the key of a reading makes the second a duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Final, NamedTuple

from quantrac.database.pool import Connection

READ = "select station, slot, subscribed, leaves from ingest_lease order by station"
ADD = """
insert into ingest_lease (station, slot) select * from unnest(%s::text[], %s::int4[]) on conflict (station) do nothing
"""
MOVE = """
update ingest_lease l set slot = to_slot, leaves = l.slot, subscribed = false
from unnest(%s::text[], %s::int4[]) as move (name, to_slot)
where l.station = name and l.subscribed and l.leaves is null and l.slot <> to_slot
"""
GRANTED = "update ingest_lease set subscribed = true where slot = %s and station = any(%s) and not subscribed"
LEFT = "update ingest_lease set leaves = null where leaves = %s and station = any(%s) and subscribed"
END = "delete from ingest_lease where slot = 0 and subscribed and leaves is null and station = any(%s)"
FORGET = "update ingest_lease set subscribed = false where subscribed"
OPEN = "insert into ingest_slot (slot) values (%s) on conflict do nothing"
CLOSE = "delete from ingest_slot where slot = %s"
LAST_SLOT = """
select greatest((select max(slot) from ingest_slot), (select max(slot) from ingest_lease),
                (select max(leaves) from ingest_lease), 0)
"""
EVERY_S: Final = 1.0
"""How often a worker looks at the leases, seconds."""


class Lease(NamedTuple):
    """Who receives a station; see the module."""

    station: str
    slot: int
    subscribed: bool
    """The broker has granted the slot every filter of the station."""
    leaves: int | None
    """The slot that received it before, and may still."""


class Leases:
    """The leases as last read."""

    def __init__(self, rows: Iterable[tuple[str, int, bool, int | None]] = ()) -> None:
        self._leases = [Lease(*row) for row in rows]

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._leases)

    @property
    def slot_of(self) -> dict[str, int]:
        """The slot by station."""
        return {each.station: each.slot for each in self._leases}

    @property
    def at_rest(self) -> frozenset[str]:
        """Stations that are received by their slot and by no other."""
        return frozenset(each.station for each in self._leases if each.subscribed and each.leaves is None)

    @property
    def received_elsewhere(self) -> frozenset[str]:
        """Stations whose births and statuses slot 0 passes over: another slot has them."""
        return frozenset(each.station for each in self._leases if each.slot and each.subscribed)

    def of(self, slot: int) -> list[str]:
        """Return the stations that a slot shall receive, or receives until their new one does."""
        return [
            each.station for each in self._leases if each.slot == slot or (each.leaves == slot and not each.subscribed)
        ]

    def left_by(self, slot: int) -> list[str]:
        """Return the stations that a slot shall receive no more: their new one does."""
        return [each.station for each in self._leases if each.leaves == slot and each.subscribed]

    def concern(self, slot: int) -> bool:
        """Tell whether a slot has anything to receive still."""
        return any(slot in (each.slot, each.leaves) for each in self._leases)

    def cover(self, stations: Iterable[str]) -> bool:
        """Tell whether each of these is received by a slot of its own."""
        return self._subscribed.issuperset(stations)

    @property
    def _subscribed(self) -> frozenset[str]:
        return frozenset(each.station for each in self._leases if each.subscribed)


def balance(stations: Iterable[str], slot_of: Mapping[str, int], slots: int) -> dict[str, int]:
    """Return the new slots of as few stations as possible, so that no slot has two more than another.

    Args:
        stations: all that are configured.
        slot_of: the slots they have; those of closed slots (`slots` and above) and those without get one.
        slots: how many there are, at least 1.
    """
    names = sorted(stations)
    held: list[list[str]] = [[] for _ in range(slots)]
    for station in names:
        if (slot := slot_of.get(station, slots)) < slots:
            held[slot].append(station)
    given: dict[str, int] = {}
    for station in names:
        if slot_of.get(station, slots) >= slots:
            _give(held, given, station, _emptiest(held))
    while len(held[fullest := _fullest(held)]) > len(held[emptiest := _emptiest(held)]) + 1:
        _give(held, given, held[fullest].pop(), emptiest)
    return given


def _give(held: list[list[str]], given: dict[str, int], station: str, slot: int) -> None:
    held[slot].append(station)
    given[station] = slot


def _emptiest(held: list[list[str]]) -> int:
    return min(range(len(held)), key=lambda slot: (len(held[slot]), slot))


def _fullest(held: list[list[str]]) -> int:
    return max(range(len(held)), key=lambda slot: (len(held[slot]), -slot))


def read(conn: Connection) -> Leases:
    """Read all leases."""
    return Leases(conn.execute(READ).fetchall())


def add(conn: Connection, given: Mapping[str, int]) -> None:
    """Give stations that have no lease one."""
    conn.execute(ADD, [list(given), list(given.values())])


def move(conn: Connection, given: Mapping[str, int]) -> int:
    """Give stations at rest to other slots; returns how many."""
    return conn.execute(MOVE, [list(given), list(given.values())]).rowcount


def note_granted(conn: Connection, slot: int, stations: Iterable[str]) -> None:
    """Note that the broker has granted a slot every filter of these stations."""
    conn.execute(GRANTED, [slot, list(stations)])


def note_left(conn: Connection, slot: int, stations: Iterable[str]) -> None:
    """Note that a slot is sent nothing of these stations any more."""
    conn.execute(LEFT, [slot, list(stations)])


def end(conn: Connection, stations: Set[str]) -> None:
    """Remove the leases of stations that the only slot receives like all others."""
    conn.execute(END, [list(stations)])


def forget_granted(conn: Connection) -> None:
    """Note that the broker has lost its sessions: slot 0 receives everything until the others have subscribed again."""
    conn.execute(FORGET)


def open_slot(conn: Connection, slot: int) -> None:
    """Note that a slot may have a session at the broker."""
    conn.execute(OPEN, [slot])


def close_slot(conn: Connection, slot: int) -> None:
    """Note that a slot has no session at the broker any more."""
    conn.execute(CLOSE, [slot])


def last_slot(conn: Connection) -> int:
    """Return the highest slot that has stations or a session."""
    row = conn.execute(LAST_SLOT).fetchone()
    return int(row[0]) if row else 0
