"""Finds wrong clocks of stations by their live messages, and keeps readings that have no place in the record.

A clock that was ahead and is set right says the slots again that it took before; one far ahead says slots that are
refused. Both are kept beside the readings, so that rules see what is measured now. The feed tells of them with the
cause `clock`, and of readings that turn out to have been measured later than they say, once a clock is known to be
behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from ingest.books.arrivals import Mask, moment
from ingest.receiving.batch import Batch
from ingest.receiving.checks import bad_reading
from ingest.receiving.columns import Columns
from ingest.storing.plan import Merged, Plan
from quantrac.database.feed import Cause, NewChange
from quantrac.database.pool import Connection
from quantrac.telemetry.clock_errors import TOLERANCE_MS, ClockError, HeardClock

MOST_MS: Final = 86_400_000
"""A message that departs from its receipt by more says nothing of a clock that runs."""
REMEMBERED: Final = timedelta(days=1)
"""How long after its clock was wrong a station may say slots again."""

KNOWN: Final = """
select station, (extract(epoch from since) * 1000)::int8, (extract(epoch from until) * 1000)::int8, ahead_ms, sure
from station_clock where until is null or until > %s
"""
FORGET: Final = "delete from station_clock where station = %s and until is null"
HOLD: Final = """
insert into station_clock (station, since, until, ahead_ms, sure) values (%s, %s, %s, %s, %s)
on conflict (station, since) do update set until = excluded.until, ahead_ms = excluded.ahead_ms, sure = excluded.sure
"""
KEEP: Final = """
insert into unplaced_reading (channel_id, time, value, state, tests, received_at) values (%s, %s, %s, %s, %s, %s)
on conflict do nothing
"""


@dataclass(slots=True)
class ClocksHeard:
    """The errors of stations' clocks that a batch shows."""

    stations: set[str] = field(default_factory=set)
    """Stations whose clock is wrong, in doubt, or was wrong lately."""
    live: Mask = field(default_factory=lambda: np.zeros(0, np.bool_))
    """New messages of the live lane; empty where no station is concerned."""
    changes: list[NewChange] = field(default_factory=list)


def hear(conn: Connection, batch: Batch, again: Mask) -> ClocksHeard:
    """Measure the errors of stations' clocks by live messages. `again`: messages that arrived before."""
    columns = batch.checked.columns
    if not columns.messages:
        return ClocksHeard()
    ahead_ms = columns.time_ms - columns.received_us // 1000
    known = _known(conn, int(columns.received_us.max()))
    if not known and not (np.abs(ahead_ms) > TOLERANCE_MS).any():
        return ClocksHeard()
    live = _live(columns) & ~again
    heard = ClocksHeard(set(known), live)
    for station, message in _best_timed(columns, ahead_ms, live & (np.abs(ahead_ms) <= MOST_MS)):
        before = known.get(station, HeardClock())
        received_ms = int(columns.received_us[message]) // 1000
        after = before.heard(int(ahead_ms[message]), received_ms)
        if after != before:
            heard.stations.add(station)
            turned_ms = _turned_ms(before, after, received_ms)
            _hold(conn, station, before, after, turned_ms)
            if before.doubt is not None and before.error != after.error:
                heard.changes += _measured_anew(batch, station, before.doubt, received_ms)
    return heard


def keep_unplaced(conn: Connection, batch: Batch, planned: Plan, merged: Merged, heard: ClocksHeard) -> None:
    """Keep what live messages of the stations concerned say and what is not stored; enter it into `heard.changes`."""
    if not heard.stations:
        return
    columns = batch.checked.columns
    concerned = np.array([key.station in heard.stations for key in columns.keys], np.bool_)
    stored = np.zeros(columns.messages, np.bool_)
    stored[[*merged.new_messages]] = True
    ahead_ms = columns.time_ms - columns.received_us // 1000
    is_without_place = np.where(
        batch.checked.usable, planned.slow & ~stored, (ahead_ms > TOLERANCE_MS) & (ahead_ms <= MOST_MS)
    )
    wanted = heard.live & is_without_place & concerned[columns.key]
    if wanted.any():
        rows = [*_rows(batch, np.flatnonzero(wanted[columns.row_message] & ~bad_reading(columns)))]
        with conn.cursor() as cursor:
            cursor.executemany(KEEP, rows)
        for channel_id, time, *_ in rows:
            station = batch.registry.station_of[channel_id]
            heard.changes.append(NewChange(station, channel_id, time, time, 0, Cause.CLOCK))


def _known(conn: Connection, now_us: int) -> dict[str, HeardClock]:
    known: dict[str, HeardClock] = {}
    for station, since_ms, until_ms, ahead_ms, sure in conn.execute(KNOWN, [moment(now_us) - REMEMBERED]):
        held, error = known.get(station, HeardClock()), ClockError(since_ms, None, ahead_ms)
        if until_ms is None:
            held = HeardClock(error, held.doubt) if sure else HeardClock(held.error, error)
        known[station] = held
    return known


def _live(columns: Columns) -> Mask:
    """Tell which messages have readings and came singly: the live lane's."""
    singly = np.fromiter((line < 0 for _, line in columns.source), np.bool_, columns.messages)
    return singly & (columns.count > 0)


def _best_timed(columns: Columns, ahead_ms: np.ndarray[Any, Any], live: Mask) -> Iterator[tuple[str, int]]:
    """Return of each station the message that took the shortest way: its time is furthest ahead of its receipt."""
    best: dict[str, int] = {}
    for message in np.flatnonzero(live).tolist():
        station = columns.keys[columns.key[message]].station
        if station not in best or ahead_ms[message] >= ahead_ms[best[station]]:
            best[station] = message
    yield from best.items()


def _turned_ms(before: HeardClock, after: HeardClock, received_ms: int) -> int:
    """Return the receipt from which on the new error holds."""
    if after.error is not None and after.error != before.error:
        return after.error.since_ms
    is_right_after_doubt = before.doubt is not None and after.error is None and after.ahead_ms != before.ahead_ms
    return before.doubt.since_ms if before.doubt is not None and is_right_after_doubt else received_ms


def _hold(conn: Connection, station: str, before: HeardClock, after: HeardClock, turned_ms: int) -> None:
    conn.execute(FORGET, [station])
    if before.error is not None and before.error != after.error:
        _write(conn, station, before.error._replace(until_ms=turned_ms), sure=True)
    for error, sure in ((after.error, True), (after.doubt, False)):
        if error is not None:
            _write(conn, station, error, sure=sure)


def _write(conn: Connection, station: str, error: ClockError, *, sure: bool) -> None:
    until = None if error.until_ms is None else _instant(error.until_ms)
    conn.execute(HOLD, [station, _instant(error.since_ms), until, error.ahead_ms, sure])


def _measured_anew(batch: Batch, station: str, doubt: ClockError, received_ms: int) -> Iterator[NewChange]:
    """Return changes of all that a station said since its clock was in doubt, each at the time that it said."""
    since, until = _instant(doubt.since_ms + doubt.ahead_ms), _instant(received_ms + doubt.ahead_ms + TOLERANCE_MS)
    for channel_id, place in batch.registry.station_of.items():
        if place == station:
            yield NewChange(station, channel_id, since, until, 0, Cause.CLOCK)


def _rows(batch: Batch, at: np.ndarray[Any, Any]) -> Iterator[tuple[Any, ...]]:
    columns, registry = batch.checked.columns, batch.registry
    for row in at.tolist():
        message, value = int(columns.row_message[row]), float(columns.row_value[row])
        yield (
            int(registry.channel_id[columns.row_channel[row]]), _instant(int(columns.time_ms[message])),
            None if np.isnan(value) else value, int(columns.row_state[row]), int(batch.checked.tests[row]),
            moment(int(columns.received_us[message])),
        )  # fmt: skip


def _instant(t_ms: int) -> datetime:
    return moment(t_ms * 1000)
