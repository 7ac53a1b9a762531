"""The stretches of readings that a round concerns: what changed, ahead of the cursor and behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alerts.evaluating.reading_window import ReadingWindow, instant, milliseconds
from alerts.evaluating.wrong_clocks import errors_of, measured_windows
from alerts.rules.rule import ChannelRule
from alerts.rules.trend import WINDOW_MS
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality


def windows_of(
    conn: Connection, changes: Iterable[Change], channels: Mapping[int, str]
) -> dict[int, list[ReadingWindow]]:
    """Return for each known channel the stretches of time in which what changes bring was measured."""
    windows: dict[int, list[ReadingWindow]] = {}
    bring = [change for change in changes if change.cause in (Cause.READING, Cause.CLOCK)]
    errors = errors_of(conn, {change.station for change in bring})
    for change in bring:
        own = [
            ReadingWindow(id_, channels[id_], change.from_t, change.to_t) for id_ in channels.keys() & change.channels
        ]
        for window in measured_windows(conn, change, own, errors) if own else ():
            windows.setdefault(window.channel_id, []).append(window)
    return windows


def hull(windows: Iterable[ReadingWindow]) -> ReadingWindow | None:
    """Return the window from the first to the last moment of windows of one channel."""
    found = list(windows)
    if not found:
        return None
    return replace(found[0], from_t=min(w.from_t for w in found), to_t=max(w.to_t for w in found))


def united(windows: Iterable[ReadingWindow]) -> list[ReadingWindow]:
    """Return windows of one channel in order, each moment once; what none of them covers stays outside."""
    found: list[ReadingWindow] = []
    for window in sorted(windows, key=lambda window: window.from_t):
        if found and window.from_t <= found[-1].to_t:
            found[-1] = replace(found[-1], to_t=max(found[-1].to_t, window.to_t))
        else:
            found.append(window)
    return found


def divided(
    windows: Mapping[int, list[ReadingWindow]], cursors: Mapping[int, int | None]
) -> tuple[list[ReadingWindow], list[ReadingWindow]]:
    """Return what lies beyond the cursor of its channel, and what lies at or behind it.

    A window that covers the cursor is split there: what came late with a live reading is late all the same. A backfill
    of days, read again with every live reading, would otherwise hold up what is happening now.
    """
    ahead: list[ReadingWindow] = []
    behind: list[ReadingWindow] = []
    for id_, found in windows.items():
        known_ms = -1 if (cursor := cursors.get(id_)) is None else cursor
        known, next_ = instant(known_ms), instant(known_ms + 1)
        pieces = united(found)
        behind += [replace(piece, to_t=min(piece.to_t, known)) for piece in pieces if piece.from_t <= known]
        ahead += [replace(piece, from_t=max(piece.from_t, next_)) for piece in pieces if piece.to_t > known]
    return ahead, behind


def memory_ms(rules: Iterable[ChannelRule]) -> int:
    """Return how far the rules of a channel look back."""
    return max((rule.measure.window_ms for rule in rules), default=0)


def with_context(windows: Sequence[ReadingWindow], memory_ms: int) -> list[ReadingWindow]:
    """Widen windows of a channel, in order, by what its rules look back."""
    start_ms, memory = milliseconds(windows[0].from_t), timedelta(milliseconds=memory_ms)
    return united(replace(window, from_t=window.from_t - memory, start_ms=start_ms) for window in windows)


def hour_before(conn: Connection, channel: str, time: datetime) -> list[tuple[int, float]]:
    """Return the good readings of the hour up to a time, as (ms, value)."""
    return conn.execute(
        """
        select (extract(epoch from time) * 1000)::bigint, value from v_reading
        where channel = %s and time > %s and time <= %s and quality = %s and value is not null order by time
        """,
        [channel, time - timedelta(milliseconds=WINDOW_MS), time, int(Quality.GOOD)],
    ).fetchall()
