"""The change feed: rows for everything added or changed, in commit order, and the position of each consumer.

A writing transaction calls `append_changes` last. The lock it takes is held until the commit, so ids are given out
in the order of the commits and no consumer can step over a row that commits later. A consumer moves its position in
the transaction that holds its results, so after any crash it neither skips nor repeats.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from quantrac.database.columns import array
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError

FEED_LOCK: Final = 0x5154_0002
FEED_CHANNEL: Final = "quantrac_change"
"""Notified by every append."""
PASSED_CHANNEL: Final = "quantrac_passed"
"""Notified when a consumer moves that others follow."""
MOST_CHANGES: Final = 20_000
MOST_ROWS: Final = 200_000
"""A round takes the whole backlog, up to so many changes and rows: the larger it is, the less a row costs."""


class Cause(StrEnum):
    """Why rows changed."""

    READING = "reading"
    FLAG = "flag"
    CORRECTION = "correction"
    CONFIGURATION = "configuration"
    CLOCK = "clock"
    """Readings stand beside the record because of a wrong clock, or were measured at another time than it said."""
    WITHDRAWN = "withdrawn"
    """Readings were taken back: what was made of them is made again of what is left, or goes."""


class NewChange(NamedTuple):
    """A change to append: `rows` rows of one channel between two reading times, both inclusive."""

    station: str
    channel_id: int | None
    """None only with cause `configuration`: the whole station."""
    from_t: datetime
    to_t: datetime
    rows: int
    cause: Cause | str


class Change(NamedTuple):
    """A row of the feed: rows of channels of one station between two reading times, both inclusive."""

    id: int
    station: str
    channels: tuple[int, ...]
    """Empty only with cause `configuration`: the whole station."""
    from_t: datetime
    to_t: datetime
    rows: int
    """Of all its channels together."""
    cause: Cause
    at: datetime


class FeedError(QuantracError):
    """Base of what can go wrong with a consumer."""


class ConsumerUnregistered(FeedError):
    """The consumer was removed (idle too long) and must rebuild what it derives."""


class ConsumerMoved(FeedError):
    """Another process has moved this consumer's position: two run under one name."""


APPEND = "copy change (station, channels, from_t, to_t, rows, cause) from stdin"


def append_changes(conn: Connection, news: Iterable[NewChange]) -> int:
    """Append rows to the feed and return how many; must be the last thing a transaction does before its commit.

    Channels of a station that changed between the same times, as those of a message or a bundle do, share a row.
    Waits for other writers' commits. Raises FeedError outside a transaction: the lock would be gone before the
    caller's rows are.
    """
    rows = list(shared_rows(news))
    if not rows:
        return 0
    if conn.info.transaction_status.name == "IDLE":
        raise FeedError("append_changes needs an open transaction")
    conn.execute("select pg_advisory_xact_lock(%s)", [FEED_LOCK])
    with (
        conn.cursor() as cursor,
        cursor.copy(APPEND) as copy,
    ):  # thousands at once: an array of each column takes longer
        for row in rows:
            copy.write_row(row)
    conn.execute("select pg_notify(%s, '')", [FEED_CHANNEL])
    return len(rows)


def shared_rows(news: Iterable[NewChange]) -> Iterator[tuple[str, str, datetime, datetime, int, str]]:
    """Return the rows of the feed for these changes: channels of a station with the same times and cause share one.

    The channels are the literal of an array.
    """
    shared: dict[tuple[str, datetime, datetime, str], tuple[list[int], list[int]]] = {}
    for each in news:
        channels, rows = shared.setdefault((each.station, each.from_t, each.to_t, str(each.cause)), ([], []))
        rows.append(each.rows)
        if each.channel_id is not None:
            channels.append(each.channel_id)
    for (station, from_t, to_t, cause), (channels, rows) in shared.items():
        yield station, array(channels), from_t, to_t, sum(rows), cause


CAUSES: Final = {cause.value: cause for cause in Cause}
REGISTER = """
insert into consumer (consumer, after, position) values (%s, %s, %s)
on conflict (consumer) do update set after = excluded.after
"""
BOUND = """
select own.position, least(coalesce((select max(id) from change), 0), lead.position)
from consumer own left join consumer lead on lead.consumer = own.after where own.consumer = %s
"""
HEAD = "select greatest((select max(id) from change), (select max(position) from consumer), 0)"
TAKE = """
select id, station, channels, from_t, to_t, rows, cause, at from change
where id > %s and id <= %s and cause = any(%s) and from_t <= %s order by id limit %s
"""
ADVANCE = f"""
update consumer c set position = %s, moved_at = clock_timestamp() where c.consumer = %s and c.position = %s
returning case when exists (select from consumer f where f.after = c.consumer)
          then pg_notify('{PASSED_CHANNEL}', '') end
"""  # noqa: S608  # our own constant


def is_registered(conn: Connection, name: str) -> bool:
    """Tell whether the feed keeps what this consumer has not taken; if not, it must rebuild what it derives."""
    return conn.execute("select from consumer where consumer = %s", [name]).fetchone() is not None


def unregister(conn: Connection, name: str) -> None:
    """Forget a consumer, so that it computes everything again; a round of it that is under way fails."""
    conn.execute("delete from consumer where consumer = %s", [name])


def head(conn: Connection) -> int:
    """Return the newest change; what it and all before it speak of is visible to the next statement."""
    row = conn.execute(HEAD).fetchone()
    return int(row[0]) if row else 0


def reached(conn: Connection, leader: str | None) -> int:
    """Return the newest change that a consumer which follows `leader` might take: the head, where nobody leads."""
    row = conn.execute("select position from consumer where consumer = %s", [leader]).fetchone()
    return min(head(conn), int(row[0])) if row else head(conn)


class Consumer:
    """One reader of the feed. The connection is its own (it listens) and should be in autocommit.

    Use: `while not stop: changes = consumer.take()`; none: `consumer.wait(1.0)`; else `with conn.transaction():`
    write results, `consumer.advance(changes[-1].id)`.
    """

    def __init__(
        self, conn: Connection, name: str, causes: Collection[Cause | str], after: str | None = None, start: int = 0
    ) -> None:
        """Register `name` (a new one starts behind change `start`: by default at the oldest row kept) and listen.

        `causes` are the causes wanted; `after` names the consumer whose position this one never passes. While no
        consumer of that name is registered nobody is waited for: a centre that runs no quality tests still alarms.
        """
        self._conn = conn
        self.name = name
        self._causes = [str(cause) for cause in causes]
        self._position: int | None = None
        self.has_more = False
        """Whether the last `take` left wanted changes for the next one."""
        with conn.transaction():
            conn.execute(REGISTER, [name, after, start])
            conn.execute(f"listen {FEED_CHANNEL}")
            if after is not None:
                conn.execute(f"listen {PASSED_CHANNEL}")

    def wait(self, timeout: float) -> bool:
        """Wait until somebody appends, or the leader moves, at most `timeout` seconds; return whether woken.

        Never inside a transaction.
        """
        return bool(list(self._conn.notifies(timeout=timeout, stop_after=1)))

    def take(self, most: int = MOST_CHANGES, until: Callable[[], datetime | None] | None = None) -> list[Change]:
        """Return wanted changes past the position, by id; the position stays where it is.

        They are at most `most`, and together have no more than MOST_ROWS rows, unless the first has more by itself.
        Those of readings later than `until` alone are not wanted. It is asked once all changes that may be taken or
        passed are there, so what it goes by came after them. When only unwanted ones stand there, the position is moved
        past them. Raises ConsumerUnregistered.
        """
        for _ in self._conn.notifies(timeout=0):  # psycopg keeps each until it is asked for
            pass
        found = self._conn.execute(BOUND, [self.name]).fetchone()
        if found is None:
            raise ConsumerUnregistered(f"consumer {self.name!r} is not registered any more: rebuild what it derives")
        self._position, bound = found
        last = until() if until else None
        wanted = [self._position, bound, self._causes, last or "infinity", most]
        rows = self._conn.execute(TAKE, wanted, binary=True).fetchall()
        if not rows and bound > found[0]:
            self.advance(bound)
        whole = max(1, bisect_right(list(itertools.accumulate(row[5] for row in rows)), MOST_ROWS))
        self.has_more = len(rows) == most or whole < len(rows)
        return [
            Change(number, station, tuple(channels), from_t, to_t, count, CAUSES[cause], at)
            for number, station, channels, from_t, to_t, count, cause, at in rows[:whole]
        ]

    def advance(self, to: int) -> None:
        """Move the position to the change `to`, inside the caller's transaction with its results.

        Raises ConsumerMoved if it no longer stands where `take` found it.
        """
        if self._position is None:
            raise FeedError("advance needs a take before it")
        if to == self._position:
            return
        if to < self._position:
            raise FeedError(f"consumer {self.name!r} stands at {self._position} and cannot go back to {to}")
        if self._conn.execute(ADVANCE, [to, self.name, self._position]).rowcount != 1:
            raise ConsumerMoved(
                f"consumer {self.name!r} no longer stands at {self._position}: does another process run it?"
            )
        self._position = to
