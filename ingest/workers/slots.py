"""Which slots a process serves: all processes that run share them evenly, and a dead one's are taken over."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Final, NamedTuple

from ingest.storing.tenure import INGEST_LOCK
from quantrac.database.pool import Connection

INGEST_MEMBERS_LOCK: Final = 0x5154_0018
"""Held, shared, by every process of ingest: how many hold it is how many there are. Its upper half is how many slots
the process was told of."""
JOIN = "select pg_advisory_lock_shared(%s)"
SEEN = """
select count(*) filter (where objid = %(members)s and mode = 'ShareLock')::int4,
       coalesce(max(classid::int4) filter (where objid = %(members)s and mode = 'ShareLock'), 1),
       coalesce(array_agg(classid::int4) filter (where objid = %(lease)s and mode = 'ExclusiveLock'), '{}')
from pg_locks
where locktype = 'advisory' and objsubid = 1 and granted
  and database = (select oid from pg_database where datname = current_database())
"""
GRACE_S: Final = 3.0
"""So long a slot must have been free before a process takes it besides another: its worker may be coming back."""
FEWER_AFTER_S: Final = 10.0
"""So long a process must have been gone before its slots are closed: systemd starts it again after 2 s."""


class Seen(NamedTuple):
    """What the database's locks show."""

    members: int
    """Processes that run."""
    slots: int
    """How many slots there shall be: the most that one of them was told of."""
    held: frozenset[int]
    """Slots that somebody serves."""


class Number:
    """How many slots there shall be, as processes come and go: more at once, fewer only after a while.

    So a process that dies over and over moves no station back and forth.
    """

    def __init__(self) -> None:
        self._number, self._seen_at = 1, 0.0

    def settle(self, seen: int, now: float) -> int:
        """Return the number, when so many are seen now; `now` in seconds of a monotonic clock."""
        if seen >= self._number or now - self._seen_at >= FEWER_AFTER_S:
            self._number, self._seen_at = seen, now
        return self._number


def join(conn: Connection, slots: int) -> None:
    """Count as a process of ingest, told of so many slots, as long as the connection lives."""
    conn.execute(JOIN, [slots << 32 | INGEST_MEMBERS_LOCK])


def see(conn: Connection) -> Seen:
    """Look who is there and what is held."""
    row = conn.execute(SEEN, {"members": INGEST_MEMBERS_LOCK, "lease": INGEST_LOCK}).fetchone()
    assert row is not None
    return Seen(row[0], max(1, row[1]), frozenset(row[2]))


def to_start(own: Set[int], free_for_s: Mapping[int, float], members: int, slots: int) -> int | None:
    """Return the slot to begin to serve now, None if there is none.

    Args:
        own: slots that this process serves.
        free_for_s: how long each slot that nobody serves has been seen free, seconds.
        members: processes that run, this one included.
        slots: how many slots there are.
    """
    if len(own) >= share(members, slots):
        return None
    ripe = [slot for slot, seconds in free_for_s.items() if not own or seconds >= GRACE_S]
    return min(ripe, default=None)


def to_stop(own: Set[int], members: int, slots: int) -> int | None:
    """Return the slot to leave to another process, None if this one has no more than its share."""
    return max(own) if len(own) > share(members, slots) else None


def share(members: int, slots: int) -> int:
    """Return how many slots a process may serve."""
    return -(-slots // max(1, members))
