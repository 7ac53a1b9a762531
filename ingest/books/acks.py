"""Acks to the stations: up to which seq all is settled, and what is missing. Imports get none.

A station's ack is published when ingest starts, on its birth, at most once a second after a commit, and when a tail
that it reported has not come for a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ingest.books.literals import ranges
from quantrac.database.pool import Connection
from quantrac.mqtt import QueueFullError
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import Ack, Settled

MOST_RANGES: Final = 200
"""Ranges of missing seqs in one ack, an epoch."""
INTERVAL_S: Final = 1.0
"""Shortest time between two acks of a station."""

SETTLED = """
select station, epoch, highest,
       (case when highest > 0 then int8multirange(int8range(1, highest + 1)) else '{}' end - settled)::text, seen_ms
from (
  select *, greatest(highest_arrived, upper(settled) - 1,
                     case when tail_since <= now() - interval '60 seconds' then last end) as highest
  from (
    select l.station, l.epoch, l.highest_arrived, l.last, l.tail_since,
           coalesce((extract(epoch from l.last_seen_at) * 1000)::int8, 0) as seen_ms,
           l.stored + l.dead + l.lost + l.refused_reported
             + case when l.first > 1 then int8multirange(int8range(1, l.first)) else '{}' end as settled
    from ledger l
    where l.epoch <> '' and (%(all)s or l.station = any(%(stations)s))
      and not exists (select from import i where i.station = l.station and i.epoch = l.epoch)
  ) books
) book order by station, epoch
"""

TAILS = """
select station, epoch, tail_since from ledger where epoch <> '' and tail_since <= now() - interval '60 seconds'
"""


def settled(highest: int, missing: Sequence[tuple[int, int]], most: int = MOST_RANGES) -> Settled:
    """Return what an ack says of one epoch.

    Args:
        highest: highest seq known of.
        missing: all ranges of missing seqs up to it, ascending, inclusive.
        most: ranges that fit; with more, `upto` is lowered to before the first that does not.
    """
    if len(missing) <= most:
        return Settled(highest, list(missing))
    return Settled(missing[most][0] - 1, list(missing[:most]))


def read(conn: Connection, stations: Iterable[str] | None = None) -> dict[str, Ack]:
    """Read the acks of these stations, or of all that have a book, as they stand now."""
    found: dict[str, tuple[int, dict[str, Settled]]] = {}
    wanted = {"all": stations is None, "stations": list(stations or ())}
    for station, epoch, highest, missing, seen_ms in conn.execute(SETTLED, wanted):
        newest, epochs = found.get(station, (0, {}))
        epochs[epoch] = settled(highest, ranges(missing))
        found[station] = (max(newest, seen_ms), epochs)
    return {station: Ack(t, epochs) for station, (t, epochs) in found.items()}


@dataclass(slots=True)
class Acknowledger:
    """Remembers which stations are due an ack. Times are monotonic seconds, given by the caller."""

    publish: Callable[[str, bytes, str], None]
    """Publishes topic, payload and station, retained. Raises QueueFullError."""
    _due: set[str] = field(default_factory=set)
    _covers_ms: dict[str, int] = field(default_factory=dict)
    _next_at: dict[str, float] = field(default_factory=dict)
    _tails: set[tuple[str, str, datetime]] = field(default_factory=set)
    """Station, epoch and beginning of the tails that are known to be missing."""

    def note(self, stations: dict[str, int], *, at_once: Iterable[str] = ()) -> None:
        """Note a commit: the newest receipt it covers by station (µs), and whose birth wants an answer at once."""
        self._due.update(stations)
        for station, received_us in stations.items():
            self._covers_ms[station] = max(self._covers_ms.get(station, 0), received_us // 1000)
        for station in at_once:
            self._next_at.pop(station, None)

    def again(self, station: str) -> None:
        """Note that a station's ack was not taken by the broker."""
        self._due.add(station)

    def note_tails(self, conn: Connection) -> None:
        """Note whose reported tail is missing since we last looked."""
        tails = set(conn.execute(TAILS).fetchall())
        self._due.update(station for station, _, _ in tails - self._tails)
        self._tails = tails

    def due(self, now: float) -> list[str]:
        """Return the stations whose ack may be published now."""
        return sorted(station for station in self._due if self._next_at.get(station, now) <= now)

    def publish_due(self, conn: Connection, now: float) -> None:
        """Publish what is due."""
        if stations := self.due(now):
            self._publish(read(conn, stations), stations, now)

    def publish_all(self, conn: Connection, now: float) -> None:
        """Publish the ack of every station that has a book. What the session cannot take now is due, and follows."""
        acks = read(conn)
        self._publish(acks, list(acks), now)

    def _publish(self, acks: dict[str, Ack], stations: Sequence[str], now: float) -> None:
        for at, station in enumerate(stations):
            ack = acks.get(station)
            if ack is not None:
                covers = Ack(max(ack.t, self._covers_ms.get(station, 0)), ack.epochs)
                try:
                    self.publish(topics.topic(station, "ack"), wire.encode(covers), station)
                except QueueFullError:
                    self._due.update(stations[at:])
                    break
            self._due.discard(station)
            self._next_at[station] = now + INTERVAL_S
