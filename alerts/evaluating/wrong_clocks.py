"""Readings of stations whose clock is or was wrong: when they were measured, and those without a place in the record.

Rules see them at the time at which they were measured, whatever the station said. Nothing here is asked of stations
whose clock is right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from alerts.evaluating.reading_window import ReadingWindow, enclosing_ms, instant
from alerts.rules.block import JudgedReading
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.telemetry.clock_errors import ClockError, measured_ms

Errors = Mapping[str, Sequence[ClockError]]
"""By station, in order."""

CONCERNED_MS: Final = 86_400_000
"""So long before and after an error readings may be dated by it."""

ERRORS: Final = """
select station, (extract(epoch from since) * 1000)::int8, (extract(epoch from until) * 1000)::int8, ahead_ms
from station_clock where sure and station = any(%s) order by station, since
"""
STORED: Final = """
select channel_id, (extract(epoch from time) * 1000)::int8, (extract(epoch from received_at) * 1000)::int8
from (select channel_id, time, received_at from reading
      union all select channel_id, time, received_at from derived_reading) r
where channel_id = any(%(ids)s) and time between %(from)s and %(to)s and received_at >= %(since)s
"""
WITH_UNPLACED: Final = (
    STORED
    + """
union all
select channel_id, (extract(epoch from time) * 1000)::int8, (extract(epoch from received_at) * 1000)::int8
from unplaced_reading
where channel_id = any(%(ids)s) and time between %(from)s and %(to)s and received_at >= %(since)s
"""
)
UNPLACED: Final = """
select (extract(epoch from time) * 1000)::int8, value, quality_of(state, tests),
       (extract(epoch from received_at) * 1000)::int8, state
from unplaced_reading where channel_id = %s and time between %s and %s
"""


def errors_of(conn: Connection, stations: Collection[str]) -> Errors:
    """Return when the clocks of stations were wrong."""
    found: dict[str, list[ClockError]] = {}
    for station, *error in conn.execute(ERRORS, [sorted(stations)]):
        found.setdefault(station, []).append(ClockError(*error))
    return found


def measured_windows(conn: Connection, change: Change, own: list[ReadingWindow], errors: Errors) -> list[ReadingWindow]:
    """Return when the readings of a change were measured, one window for each where the clock concerns it."""
    found = _concerning(errors.get(change.station, ()), *enclosing_ms(change.from_t, change.to_t)) if errors else []
    if not found:
        return [] if change.cause is Cause.CLOCK else own
    is_clock = change.cause is Cause.CLOCK
    rows = conn.execute(
        WITH_UNPLACED if is_clock else STORED,
        {
            "ids": [window.channel_id for window in own],
            "from": change.from_t,
            "to": change.to_t,
            "since": instant(max(e.since_ms if e.until_ms is None else e.until_ms for e in found) if is_clock else 0),
        },
    )
    names = {window.channel_id: window.channel for window in own}
    times = {(id_, measured_ms(t, received, found)) for id_, t, received in rows}
    return [ReadingWindow(id_, names[id_], t, t) for id_, t in sorted(times)]


def slow_clocks(conn: Connection, changes: Iterable[Change]) -> Iterator[tuple[Change, int]]:
    """Yield the changes that say that a clock is slow, with how far it is ahead, below 0.

    Rules that took what the clock said at its word, before it was known, go on from when that was measured. What they
    have counted is not counted again at its right time.
    """
    clocks = [change for change in changes if change.cause is Cause.CLOCK and change.from_t < change.to_t]
    errors = errors_of(conn, {change.station for change in clocks}) if clocks else {}
    for change in clocks:
        present = next((error for error in errors.get(change.station, ()) if error.until_ms is None), None)
        if present is not None and present.ahead_ms < 0:
            yield change, present.ahead_ms


def of_wrong_clocks(windows: Iterable[ReadingWindow], errors: Errors) -> set[int]:
    """Return the channels of windows that wrong clocks concern."""
    return {window.channel_id for window in windows if _of(window, errors)} if errors else set()


def stored_windows(windows: Sequence[ReadingWindow], errors: Errors) -> list[ReadingWindow]:
    """Return where the readings of windows of measured time are stored: one window a channel that clocks concern."""
    if not errors:
        return list(windows)
    found = [window for window in windows if not _of(window, errors)]
    for channel in {window.channel for window in windows if _of(window, errors)}:
        own = [window for window in windows if window.channel == channel]
        ahead = [error.ahead_ms for window in own for error in _of(window, errors)]
        first = min(window.from_ms for window in own) + min(0, *ahead)
        last = max(window.to_ms for window in own) + max(0, *ahead)
        found.append(replace(own[0], from_ms=first, to_ms=last))
    return found


def measured(
    conn: Connection, samples: dict[int, list[JudgedReading]], windows: Sequence[ReadingWindow], errors: Errors
) -> None:
    """Put samples of the `stored_windows` at the times at which they were measured, with those that have no place."""
    for stored in stored_windows(windows, errors) if errors else ():
        own = [window for window in windows if window.channel == stored.channel]
        found = [error for window in own for error in _of(window, errors)]
        if found:
            unplaced = conn.execute(UNPLACED, [stored.channel_id, instant(stored.from_ms), instant(stored.to_ms)])
            said = [*samples.get(stored.channel_id, ()), *(JudgedReading(*row) for row in unplaced)]
            at = _by_time(said, sorted(set(found)))
            kept = [sample for sample in at if any(w.from_ms <= sample.t_ms <= w.to_ms for w in own)]
            if kept:
                samples[stored.channel_id] = kept
            else:
                samples.pop(stored.channel_id, None)


def _by_time(said: Iterable[JudgedReading], errors: Sequence[ClockError]) -> Iterable[JudgedReading]:
    """Return readings at the times at which they were measured; of two at one time the one that came first."""
    found: dict[int, JudgedReading] = {}
    for sample in sorted(said, key=lambda sample: sample.received_ms):
        t_ms = measured_ms(sample.t_ms, sample.received_ms, errors)
        found.setdefault(t_ms, sample._replace(t_ms=t_ms))
    return found.values()


def _of(window: ReadingWindow, errors: Errors) -> list[ClockError]:
    station = window.channel.partition("/")[0]
    return _concerning(errors.get(station, ()), window.from_ms, window.to_ms)


def _concerning(errors: Iterable[ClockError], from_ms: int, to_ms: int) -> list[ClockError]:
    low, high = from_ms - CONCERNED_MS, to_ms + CONCERNED_MS
    return [e for e in errors if e.since_ms <= high and (e.until_ms is None or e.until_ms >= low)]
