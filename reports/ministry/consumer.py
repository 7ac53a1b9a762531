"""A round of the consumer `ministry`: changes in; files whose bytes changed, and who is owed them, out.

It follows `quality`, so a file holds what the tests found. Rows, what is owed and the position are one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from quantrac.config.stations import Station
from quantrac.database.feed import Cause, Change, Consumer
from quantrac.database.pool import Connection
from quantrac.telemetry.ministry import SLOT
from quantrac.telemetry.slots import bucket_end, bucket_start
from reports.ministry.file import FiveMinuteFile
from reports.ministry.slot_figures import files

NAME: Final = "ministry"
AFTER: Final = "quality"
CAUSES: Final = tuple(cause for cause in Cause if cause is not Cause.CONFIGURATION)
KEPT: Final = timedelta(days=60)
"""Where no file was made so long after the slot, none is: stations repeat as much; an imported year is no news."""
MOST_CHANGES: Final = 200
"""Of a round: while it lasts the senders pass its files by, and what is killed in it is done again."""
SETTLED: Final = timedelta(seconds=10)
"""So long after its end a slot's file is sent: its last readings have come and are judged."""

MAKE: Final = """
insert into ministry_file as f (station, time, name, content, made_at)
values (%(station)s, %(time)s, %(name)s, %(content)s, %(now)s)
on conflict (station, time) do update
set name = excluded.name, content = excluded.content, made_at = excluded.made_at, withdrawn = false
where f.withdrawn or (f.name, f.content) is distinct from (excluded.name, excluded.content)
returning sha256, name is distinct from
  (select was.name from ministry_file was where was.station = f.station and was.time = f.time)
"""
MADE: Final = "select time from ministry_file where station = %s and time > %s and time <= %s"
WITHDRAW: Final = """
with gone as (
  update ministry_file set withdrawn = true where station = %s and time = any(%s) and not withdrawn
  returning station, time)
update ministry_sending s set owed = false from gone where s.station = gone.station and s.time = gone.time
"""
OWE: Final = """
insert into ministry_sending as s (station, time, receiver, owed_at, due_at)
select %(station)s, %(time)s, receiver, %(due)s, %(due)s from unnest(%(receivers)s::text[]) receiver
on conflict (station, time, receiver) do update set
  sent = case when not %(moved)s then s.sent end, owed = %(moved)s or s.sent is distinct from %(sha256)s,
  owed_at = case when s.owed then s.owed_at else excluded.owed_at end,
  due_at = excluded.due_at, attempts = 0, error = null, failure = null
"""

TURN_LOCK: Final = 0x5154_0023
TURN: Final = "select pg_advisory_xact_lock(%s, hashtext(%s))"

Stations = Callable[[], Mapping[str, Station]]
"""Those of the network in force."""


def round_of(conn: Connection, feed: Consumer, stations: Stations, now: datetime) -> list[Change]:
    """Make the files of what changed, move the position; return the changes taken (none: nothing to do)."""
    changes = feed.take(MOST_CHANGES)
    if changes:
        known = stations()
        with conn.transaction():
            for name, low, high in stretches(changes):
                station = known.get(name)
                if station is None or station.ministry is None or not station.ministry.receivers:
                    continue
                _remake(conn, station, low, high, now)
            feed.advance(changes[-1].id)
    return changes


def stretches(changes: Iterable[Change]) -> Iterator[tuple[str, datetime, datetime]]:
    """Yield the slots that changes touch, low < end <= high, merged by station. Pure."""
    touched = sorted(
        (change.station, bucket_start(change.from_t, SLOT), bucket_end(change.to_t, SLOT)) for change in changes
    )
    merged: list[tuple[str, datetime, datetime]] = []
    for station, low, high in touched:
        if merged and merged[-1][0] == station and low <= merged[-1][2]:
            merged[-1] = (station, merged[-1][1], max(high, merged[-1][2]))
        else:
            merged.append((station, low, high))
    yield from merged


def _remake(conn: Connection, station: Station, low: datetime, high: datetime, now: datetime) -> None:
    """Make the files of a stretch, of slots that are long over only those made before; withdraw what is no more."""
    take_turn(conn, station.station)
    oldest = now - KEPT
    before = {time for (time,) in conn.execute(MADE, [station.station, low, high])}
    for made in files(conn, station, max(low, min([*before, oldest]) - SLOT), high):
        if made.time > oldest or made.time in before:
            make(conn, station, made, now)
            before.discard(made.time)
    if before:
        conn.execute(WITHDRAW, [station.station, list(before)])


def take_turn(conn: Connection, station: str) -> None:
    """Be alone in making a station's files until the transaction ends: two at once would wait for each other's rows."""
    conn.execute(TURN, [TURN_LOCK, station])


def make(conn: Connection, station: Station, made: FiveMinuteFile, now: datetime) -> None:
    """Keep a file, and owe it to the station's receivers where its bytes or its place are others than before."""
    assert station.ministry is not None
    row = {"station": station.station, "time": made.time, "name": str(made.path), "content": made.content, "now": now}
    found = conn.execute(MAKE, row).fetchone()
    if found is not None:
        sha256, moved = found
        due = max(now, made.time + SETTLED)
        owe = {"due": due, "receivers": list(station.ministry.receivers), "sha256": sha256, "moved": moved}
        conn.execute(OWE, {**row, **owe})
