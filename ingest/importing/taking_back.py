"""Takes the readings of an undone import back, a week in a transaction, oldest first.

What another source has sent for the same instant stays or comes back; what is made of readings is made again by those
who follow the feed. Stopped, it is gone on with. The desk of undone imports begins it, and says what must not be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from ingest.receiving import registry_table
from ingest.receiving.checks import tests_of
from ingest.storing.staging_table import UNDO_LOCK
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection
from quantrac.telemetry.slots import bucket_start

WEEK: Final = timedelta(days=7)
INSTANT: Final = timedelta(microseconds=1)

HELD: Final = "select station, first_t, last_t from import where import_id = %s and undone_at is not null"
TURN: Final = "select from import where import_id = %s for no key update"
ALONE: Final = "select pg_advisory_xact_lock(%s)"
WITHDRAW: Final = """
select channel_id, time, value, state, received_at, readings, first_t, last_t from withdraw_readings(%s, %s, %s, %s)
"""
RESTORE: Final = """
insert into reading (channel_id, time, value, state, tests, received_at)
select * from unnest(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[], %s::int2[], %s::timestamptz[])
on conflict do nothing
"""
SECONDED: Final = """
insert into seconded_reading (channel_id, time, received_at, tests)
select s.channel_id, s.time, s.received_at, s.tests
from unnest(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[], %s::int2[], %s::timestamptz[])
  as s(channel_id, time, value, state, tests, received_at)
on conflict do nothing
"""
LATEST: Final = """
insert into latest (channel_id, time, value, state, tests, received_at)
select r.channel_id, r.time, r.value, r.state, r.tests, r.received_at from channel c
cross join lateral (select * from reading r where r.channel_id = c.channel_id order by r.time desc limit 1) r
where c.station = %s and not c.derived and not exists (select from latest l where l.channel_id = c.channel_id)
order by r.channel_id on conflict (channel_id) do nothing
"""
GONE: Final = "update import set gone_at = %s where import_id = %s and gone_at is null returning withdrawn"

Reading = tuple[int, datetime, float | None, int, datetime]
"""Channel, time, value, state, receipt."""


@dataclass(slots=True)
class TakenBack:
    """What was taken back, over this run."""

    readings: int = 0
    restored: int = 0
    """Readings of other sources that came in their place."""
    stayed: int = 0
    """Readings that another source has sent alike."""


def take_back(conn: Connection, import_id: int, now: datetime, moved: Callable[[float], None]) -> TakenBack:
    """Take back what is left of an undone import; `moved` is told the share that is done."""
    done = TakenBack()
    held = conn.execute(HELD, [import_id]).fetchone()
    station, first, last = held or ("", None, None)
    for low, high in _weeks(first, last):
        _take_back(conn, import_id, station, low, high, now, done)
        moved(min(1.0, (high - first) / (last - first + INSTANT)))
    conn.execute(GONE, [now, import_id])
    return done


def _weeks(first: datetime | None, last: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    """Yield stretches low < t <= high that hold all times from first to last."""
    if first is None or last is None:
        return
    low = bucket_start(first, WEEK)
    while low < last:
        yield low, low + WEEK
        low += WEEK


def _take_back(
    conn: Connection, import_id: int, station: str, low: datetime, high: datetime, now: datetime, done: TakenBack
) -> None:
    with conn.transaction():
        conn.execute(TURN, [import_id])
        conn.execute(ALONE, [UNDO_LOCK])
        rows = conn.execute(WITHDRAW, [import_id, low, high, now]).fetchall()
        back, alike = _by_source([row[:5] for row in rows if row[1] is not None])
        gone = [
            NewChange(station, channel_id, low_t, high_t, count, Cause.WITHDRAWN)
            for channel_id, time, *_, count, low_t, high_t in rows if time is None and channel_id is not None
        ]  # fmt: skip
        _restore(conn, back, alike)
        conn.execute(LATEST, [station])
        append_changes(conn, [*gone, *_came_back(station, back)])
    done.readings += sum(change.rows for change in gone)
    done.restored += len(back)
    done.stayed += sum(row[5] for row in rows if row[0] is None)


def _by_source(rows: Sequence[Reading]) -> tuple[list[Reading], list[Reading]]:
    """Return of each channel and time the first reading, and what others have sent alike."""
    first: dict[tuple[int, datetime], Reading] = {}
    alike = [row for row in rows if first.setdefault((row[0], row[1]), row) is not row]
    return list(first.values()), alike


def _restore(conn: Connection, rows: Sequence[Reading], alike: Sequence[Reading]) -> None:
    """Store readings of others, with the findings that ingest would have had on them, and who else has sent them."""
    if not rows:
        return
    registry = registry_table.load_in(conn)
    for statement, some in ((RESTORE, rows), (SECONDED, alike)):
        if some:
            channels, times, values, states, received = (list(column) for column in zip(*some, strict=True))
            numbers = np.searchsorted(registry.channel_id, np.array(channels, np.int32))
            found = tests_of(np.array(values, np.float64), numbers, registry).tolist()
            conn.execute(statement, [channels, times, values, states, found, received])


def _came_back(station: str, rows: Sequence[Reading]) -> Iterator[NewChange]:
    times: defaultdict[int, list[datetime]] = defaultdict(list)
    for channel_id, time, *_ in rows:
        times[channel_id].append(time)
    for channel_id, own in sorted(times.items()):
        yield NewChange(station, channel_id, min(own), max(own), len(own), Cause.READING)
