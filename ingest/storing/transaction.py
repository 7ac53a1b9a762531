"""Stores one batch in one transaction. `_store` lists everything that a batch changes, in its order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import psycopg

from ingest.books import breaches, dead_letters, ledger, reports
from ingest.books.arrivals import Arrivals, moment
from ingest.receiving.batch import Batch
from ingest.receiving.registry import Registry
from ingest.storing import copy_rows, plan, staging_table, station_clocks
from ingest.storing.plan import Addition, Merged, NewEvent, Rows
from quantrac.database.columns import array
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection

COPY: Final = "copy reading (channel_id, time, value, state, tests, received_at) from stdin (format binary)"
LATEST = """
insert into latest (channel_id, time, value, state, tests, received_at)
select channel_id, timestamptz 'epoch' + us * interval '1 microsecond', nullif(value, 'NaN'), state, tests,
       timestamptz 'epoch' + received_us * interval '1 microsecond'
from unnest(%s::int4[], %s::int8[], %s::float8[], %s::int2[], %s::int2[], %s::int8[])
     as newest(channel_id, us, value, state, tests, received_us)
on conflict (channel_id) do update set time = excluded.time, value = excluded.value, state = excluded.state,
  tests = excluded.tests, received_at = excluded.received_at
where excluded.time > latest.time or (excluded.time = latest.time and latest.value is null)
"""
EVENTS = """
insert into station_event (station, epoch, seq, index, time, device, kind, detail, received_at)
select * from unnest(%s::text[], %s::text[], %s::int8[], %s::int4[], %s::timestamptz[], %s::text[], %s::text[],
                     %s::text[], %s::timestamptz[])
on conflict do nothing returning station, epoch, seq, index
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a transaction did, for the log, the metrics and the acknowledgements."""

    readings: int
    new: int
    duplicate: int
    rejected: int
    conflict: int
    dead_letters: int
    stations: dict[str, int]
    """Newest receipt by station, microseconds since 1970."""


def store(conn: Connection, batch: Batch, *, replay: bool = False, cautious: bool = False) -> Stored:
    """Store a batch and commit; in a transaction of the caller, under a savepoint.

    Args:
        conn: the connection.
        batch: what to store.
        replay: a dead letter is tried again: it does not arrive a second time, and is no second dead letter.
        cautious: everything goes by the staging table, as it does after a key turned out to be there.
    """
    if not cautious:
        try:
            return _store(conn, batch, replay=replay, cautious=False)
        except psycopg.errors.UniqueViolation:
            pass
    return _store(conn, batch, replay=replay, cautious=True)


def _store(conn: Connection, batch: Batch, *, replay: bool, cautious: bool) -> Stored:
    columns = batch.checked.columns
    letters = [] if replay else batch.letters
    with conn.transaction():
        known = ledger.lock(conn, columns.keys, columns.key, columns.seq)
        planned = plan.plan(batch, known, cautious=cautious)
        _copy(conn, planned.fresh)
        merged = staging_table.merge(conn, planned.staged, batch)
        new_events = _insert_events(conn, planned.events)
        _advance_latest(conn, planned.fresh, merged)
        arrived = plan.arrivals(batch, planned, merged, new_events)
        clocks = station_clocks.ClocksHeard() if replay else station_clocks.hear(conn, batch, planned.again)
        station_clocks.keep_unplaced(conn, batch, planned, merged, clocks)
        added = [*plan.additions(planned.fresh), *merged.added]
        ledger.book(conn, arrived, again=replay)
        reports.store(conn, batch.reports)
        dead_letters.store(conn, letters)
        breaches.store(conn, batch.breaches)
        append_changes(
            conn, [*_changes(batch.registry, added), *clocks.changes]
        )  # last: its lock is held until the commit
    return _stored(batch, arrived, len(letters), sum(each.rows for each in added))


def _copy(conn: Connection, rows: Rows) -> None:
    if len(rows):
        with conn.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write(copy_rows.pack(*rows.columns()))


def _insert_events(conn: Connection, events: Iterable[NewEvent]) -> set[int]:
    """Insert events and return the messages that brought one which was not there."""
    brought: dict[tuple[object, ...], NewEvent] = {}
    for event in events:
        brought.setdefault(event.row[:4], event)  # a repeated seq: the first stays
    if not brought:
        return set()
    columns = [list(column) for column in zip(*(event.row for event in brought.values()), strict=True)]
    return {brought[key].message for key in conn.execute(EVENTS, columns)}


def _advance_latest(conn: Connection, fresh: Rows, merged: Merged) -> None:
    columns = plan.latest(fresh, merged)
    if len(columns[0]):
        conn.execute(LATEST, [array(column) for column in columns])


def _changes(registry: Registry, added: Iterable[Addition]) -> Iterator[NewChange]:
    for channel_id, low_us, high_us, rows in added:
        station = registry.station_of[channel_id]
        yield NewChange(station, channel_id, moment(low_us), moment(high_us), rows, Cause.READING)


def _stored(batch: Batch, arrived: Arrivals, letters: int, readings: int) -> Stored:
    stations: dict[str, int] = {}
    seen = zip((key.station for key in arrived.keys), arrived.newest().tolist(), strict=True)
    for station, seen_us in [*seen, *((each.station, each.received_us) for each in batch.reports)]:
        stations[station] = max(seen_us, stations.get(station, 0))
    return Stored(
        readings=readings,
        new=int(arrived.new.sum()),
        duplicate=int((arrived.usable & ~arrived.new).sum()),
        rejected=int((~arrived.usable).sum()),
        conflict=int(arrived.conflict.sum()),
        dead_letters=letters,
        stations=stations,
    )
