"""The stretches of readings that a round concerns: what changed, ahead of the cursor and behind it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from alerts.evaluating.reading_window import ReadingWindow, enclosing_ms
from alerts.evaluating.wrong_clocks import errors_of, measured_windows
from alerts.rules.trend import WINDOW_MS
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.telemetry.quality import Quality

BRINGS: Final = (Cause.READING, Cause.CLOCK)
"""Causes of changes that bring readings."""
JUDGES: Final = (Cause.FLAG, Cause.CORRECTION, Cause.WITHDRAWN)
"""Causes of changes that judge stored readings anew."""


def windows_of(
    conn: Connection, changes: Iterable[Change], channels: Mapping[int, str], causes: Collection[Cause] = BRINGS
) -> dict[int, list[ReadingWindow]]:
    """Return for each known channel when the readings were measured that changes of these causes touch."""
    windows: dict[int, list[ReadingWindow]] = {}
    wanted = [change for change in changes if change.cause in causes]
    errors = errors_of(conn, {change.station for change in wanted}) if wanted else {}
    for change in wanted:
        span = enclosing_ms(change.from_t, change.to_t)
        own = [ReadingWindow(id_, channels[id_], *span) for id_ in change.channels if id_ in channels]
        for window in measured_windows(conn, change, own, errors) if own else ():
            windows.setdefault(window.channel_id, []).append(window)
    return windows


def hull(found: Sequence[ReadingWindow]) -> ReadingWindow:
    """Return the window from the first to the last moment of windows of one channel, at least one."""
    return replace(found[0], from_ms=min(w.from_ms for w in found), to_ms=max(w.to_ms for w in found))


def united(windows: Iterable[ReadingWindow]) -> list[ReadingWindow]:
    """Return windows of one channel in order, each moment once; what none of them covers stays outside."""
    found: list[ReadingWindow] = []
    for window in sorted(windows, key=lambda window: window.from_ms):
        if found and window.from_ms <= found[-1].to_ms:
            found[-1] = replace(found[-1], to_ms=max(found[-1].to_ms, window.to_ms))
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
        known = -1 if (cursor := cursors.get(id_)) is None else cursor
        for piece in united(found):
            if piece.from_ms > known:
                ahead.append(piece)
                continue
            behind.append(replace(piece, to_ms=min(piece.to_ms, known)))
            if piece.to_ms > known:
                ahead.append(replace(piece, from_ms=known + 1))
    return ahead, behind


def with_context(windows: Sequence[ReadingWindow], memory_ms: int) -> list[ReadingWindow]:
    """Widen windows of a channel, in order, by what its rules look back."""
    start_ms = windows[0].from_ms
    return united(replace(window, from_ms=window.from_ms - memory_ms, start_ms=start_ms) for window in windows)


def hour_before(conn: Connection, channel: str, time: datetime) -> list[tuple[int, float]]:
    """Return the good readings of the hour up to a time, as (ms, value)."""
    return conn.execute(
        """
        select (extract(epoch from time) * 1000)::bigint, value from v_reading
        where channel = %s and time > %s and time <= %s and quality = %s and value is not null order by time
        """,
        [channel, time - timedelta(milliseconds=WINDOW_MS), time, int(Quality.GOOD)],
    ).fetchall()
