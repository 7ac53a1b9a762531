"""Which slot receives which stations (decision 0150).

A slot is one durable session at the broker and one connection to the database. Slot 0 subscribes to every station, so
it also hears those that no file names; it drops what is subscribed elsewhere. Other slots subscribe to their stations
by name. A station keeps its slot, because its messages wait in that slot's session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from quantrac.database.pool import Connection

READ = "select station, slot, subscribed from ingest_lease order by station"
ADD = """
insert into ingest_lease (station, slot) select * from unnest(%s::text[], %s::int4[]) on conflict (station) do nothing
"""
GRANTED = "update ingest_lease set subscribed = true where slot = %s and station = any(%s) and not subscribed"
FORGET = "update ingest_lease set subscribed = false where subscribed"
LAST_SLOT = "select coalesce(max(slot), 0) from ingest_lease"
EVERY_S: Final = 1.0
"""How often a worker looks at the leases, seconds."""


class Leases:
    """The leases as last read."""

    def __init__(self, rows: Iterable[tuple[str, int, bool]] = ()) -> None:
        self._rows = list(rows)

    @property
    def slot_of(self) -> dict[str, int]:
        """The slot by station, for stations that have one."""
        return {station: slot for station, slot, _ in self._rows}

    @property
    def received_elsewhere(self) -> frozenset[str]:
        """Stations that slot 0 may drop: another slot has their subscriptions."""
        return frozenset(station for station, _, subscribed in self._rows if subscribed)

    def of(self, slot: int) -> list[str]:
        """Return the stations of a slot."""
        return [station for station, held_by, _ in self._rows if held_by == slot]


def divide(stations: Iterable[str], slot_of: Mapping[str, int], slots: int) -> dict[str, int]:
    """Return the slots of stations that leave slot 0, so that each slot has its share.

    Args:
        stations: all that are configured.
        slot_of: what has a slot already; that never changes here.
        slots: how many there are, at least 1.
    """
    at_0 = [station for station in sorted(stations) if station not in slot_of]
    load = Counter(slot_of.values())
    given: dict[str, int] = {}
    while slots > 1 and at_0:
        least = min(range(1, slots), key=lambda slot: (load[slot], slot))
        if load[least] >= len(at_0):
            break
        given[at_0.pop()] = least
        load[least] += 1
    return given


def read(conn: Connection) -> Leases:
    """Read all leases."""
    return Leases(conn.execute(READ).fetchall())


def add(conn: Connection, given: Mapping[str, int]) -> None:
    """Give stations to slots."""
    conn.execute(ADD, [list(given), list(given.values())])


def note_granted(conn: Connection, slot: int, stations: Iterable[str]) -> None:
    """Note that the broker has granted a slot every filter of these stations: slot 0 drops them from now on."""
    conn.execute(GRANTED, [slot, list(stations)])


def forget_granted(conn: Connection) -> None:
    """Note that the broker has lost its sessions: slot 0 keeps everything until the others have subscribed again."""
    conn.execute(FORGET)


def last_slot(conn: Connection) -> int:
    """Return the highest slot that has stations."""
    row = conn.execute(LAST_SLOT).fetchone()
    return int(row[0]) if row else 0
