"""One batch into the database, in one transaction. `store` lists everything that a batch changes, in its order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np

from ingest.books import dead_letters, entries, ledger, reports
from ingest.books.dead_letter import Misfitting
from ingest.books.entries import Arrivals, BookEntry, BookKey, moment
from ingest.receiving.batch import Batch
from ingest.receiving.registry import Registry
from ingest.storing import copy_rows, staging
from ingest.storing.rows import Mask, Rows, last_of_channel, repeats_key, repeats_seq, sorted_rows, split
from ingest.storing.stored import Purpose, Stored
from quantrac.database.feed import Cause, NewChange, append_changes
from quantrac.database.pool import Connection

COPY: Final = "copy reading (channel_id, time, value, state, tests, received_at) from stdin (format binary)"
LATEST = """
insert into latest (channel_id, time, value, state, tests, received_at)
select * from unnest(%s::int4[], %s::timestamptz[], %s::float8[], %s::int2[], %s::int2[], %s::timestamptz[])
on conflict (channel_id) do update set time = excluded.time, value = excluded.value, state = excluded.state,
  tests = excluded.tests, received_at = excluded.received_at
where excluded.time > latest.time
"""
EVENT = """
insert into station_event (station, epoch, seq, index, time, device, kind, detail, received_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning seq
"""
CHANGE_GAP_US: Final = 3_600_000_000
"""Readings further apart are changes of their own: consumers look at all that lies within one, µs."""


def store(conn: Connection, batch: Batch, *, cautious: bool, purpose: Purpose = Purpose.ARRIVAL) -> Stored:
    """Store a batch and commit.

    New messages go straight into the hypertable. Messages whose seq has arrived before, repeats within the batch, and
    with `cautious` all of them, go by the staging table. Raises UniqueViolation when not cautious enough.
    """
    columns = batch.checked.columns
    with conn.transaction():
        known = ledger.lock(conn, columns.groups, columns.group, columns.seq)
        rows = sorted_rows(batch)
        slow = known | repeats_seq(batch) | repeats_key(rows, len(known)) | cautious
        fresh, staged = split(rows, slow)
        _copy(conn, batch, fresh)
        merged = _stage(conn, batch, staged)
        _advance_latest(conn, [*_newest(batch, fresh), *merged.newest])
        new_events = _store_events(conn, batch)
        arrivals = _arrivals(batch, slow, merged, new_events)
        booked = [*entries.entries(columns.groups, arrivals), *_rejected(batch.misfits)]
        ledger.book(conn, booked if purpose is Purpose.ARRIVAL else [each.as_replay() for each in booked])
        reports.store(conn, batch.reports)
        letters = [*batch.misfits, *batch.checked.misfits] if purpose is Purpose.ARRIVAL else []
        dead_letters.store(conn, [(each.letter, moment(each.received_us)) for each in letters])
        changes = [*_changes_of(batch, fresh), *_changes_of_merged(batch.registry, merged)]
        append_changes(conn, changes)  # last: its lock is held until the commit
    return _summary(batch, booked, len(letters), sum(change.rows for change in changes))


def _copy(conn: Connection, batch: Batch, rows: Rows) -> None:
    if not len(rows.at):
        return
    checked, columns = batch.checked, batch.checked.columns
    packed = copy_rows.pack(
        rows.channel_id, rows.time_us, columns.row_value[rows.at], columns.row_state[rows.at],
        checked.tests[rows.at], columns.received_us[rows.message],
    )  # fmt: skip
    with conn.cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(packed)


def _stage(conn: Connection, batch: Batch, rows: Rows) -> staging.Merged:
    if not len(rows.at):
        return staging.Merged()
    checked, columns = batch.checked, batch.checked.columns
    packed = copy_rows.pack(
        rows.channel_id, rows.time_us, columns.row_value[rows.at], columns.row_state[rows.at],
        checked.tests[rows.at], columns.received_us[rows.message], ordinal=rows.at, message=rows.message,
    )  # fmt: skip
    identity = {
        message: (columns.groups[columns.group[message]].epoch, int(columns.seq[message]))
        for message in np.unique(rows.message).tolist()
    }
    return staging.merge(conn, packed, identity)


def _newest(batch: Batch, rows: Rows) -> Iterable[tuple[Any, ...]]:
    checked, columns = batch.checked, batch.checked.columns
    for end in last_of_channel(rows).tolist():
        at, message = rows.at[end], rows.message[end]
        value = float(columns.row_value[at])
        yield (
            int(rows.channel_id[end]),
            moment(int(rows.time_us[end])),
            None if math.isnan(value) else value,
            int(columns.row_state[at]),
            int(checked.tests[at]),
            moment(int(columns.received_us[message])),
        )


def _advance_latest(conn: Connection, newest: Sequence[tuple[Any, ...]]) -> None:
    best: dict[int, tuple[Any, ...]] = {}
    for row in newest:
        if row[0] not in best or row[1] > best[row[0]][1]:
            best[row[0]] = row
    if best:
        conn.execute(LATEST, [list(column) for column in zip(*(best[key] for key in sorted(best)), strict=True)])


def _store_events(conn: Connection, batch: Batch) -> set[int]:
    """Store the events of usable messages and return the messages that brought one which was not there."""
    columns = batch.checked.columns
    added: set[int] = set()
    with conn.cursor() as cursor:
        for message, events in columns.events.items():
            if not batch.checked.usable[message]:
                continue
            group, seq = columns.groups[columns.group[message]], int(columns.seq[message])
            received = moment(int(columns.received_us[message]))
            for index, (kind, device, detail, t) in events:
                time = _event_time(t, received)
                cursor.execute(EVENT, [*group, seq, index, time, device, kind, detail, received])
                if cursor.rowcount:
                    added.add(message)
    return added


def _event_time(t_ms: int, received: datetime) -> datetime:
    """Return an event's time, or its receipt where a broken clock gives a year that does not exist."""
    try:
        return moment(t_ms * 1000)
    except OverflowError:
        return received


def _arrivals(batch: Batch, slow: Mask, merged: staging.Merged, new_events: set[int]) -> Arrivals:
    columns, usable = batch.checked.columns, batch.checked.usable
    new = usable & ~slow
    new[[*merged.new_messages, *new_events]] = True
    conflict = np.zeros(columns.messages, np.bool_)
    conflict[[*merged.conflict_messages]] = True
    return Arrivals(columns.group, columns.seq, columns.received_us, usable, new, conflict)


def _rejected(misfits: Iterable[Misfitting]) -> Iterable[BookEntry]:
    for letter, received_us in misfits:
        group = BookKey(letter.station or "", letter.epoch or entries.UNPARSED)
        yield entries.rejected(group, letter.seq, received_us)


def _changes_of(batch: Batch, rows: Rows) -> Iterable[NewChange]:
    """Return a change for each run of a channel's readings without a gap of more than CHANGE_GAP_US."""
    if not len(rows.at):
        return
    breaks = (rows.channel_id[1:] != rows.channel_id[:-1]) | (np.diff(rows.time_us) > CHANGE_GAP_US)
    starts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
    ends = np.concatenate((starts[1:] - 1, [len(rows.at) - 1]))
    channels = batch.checked.columns.row_channel
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        yield NewChange(
            batch.registry.station_of[channels[rows.at[end]]],
            int(rows.channel_id[end]),
            moment(int(rows.time_us[start])),
            moment(int(rows.time_us[end])),
            end - start + 1,
            Cause.READING,
        )


def _changes_of_merged(registry: Registry, merged: staging.Merged) -> Iterable[NewChange]:
    for channel_id, first, last, count in merged.added:
        index = int(np.searchsorted(registry.channel_id, channel_id))
        yield NewChange(registry.station_of[index], channel_id, first, last, count, Cause.READING)


def _summary(batch: Batch, booked: Sequence[BookEntry], letters: int, readings: int) -> Stored:
    stations: dict[str, int] = {}
    for name, seen_us in [
        *((each.group.station, each.seen_us) for each in booked),
        *((each.station, each.received_us) for each in batch.reports),
    ]:
        stations[name] = max(seen_us, stations.get(name, 0))
    return Stored(
        messages=sum(each.received for each in booked),
        readings=readings,
        new=sum(each.new for each in booked),
        duplicate=sum(each.duplicate for each in booked),
        rejected=sum(each.rejected for each in booked),
        conflict=sum(each.conflict for each in booked),
        dead_letters=letters,
        stations=stations,
    )
