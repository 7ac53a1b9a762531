"""A stretch of a channel's readings between two times, and times as milliseconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class ReadingWindow:
    """Readings of a channel that may be new: between two times, both inclusive."""

    channel_id: int
    channel: str
    from_t: datetime
    to_t: datetime
    start_ms: int | None = None
    """Readings before it are wanted as context only; None: there is no context."""


def instant(t_ms: int) -> datetime:
    """Return the UTC time of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=t_ms)


def milliseconds(time: datetime) -> int:
    """Return milliseconds since 1970 of a time."""
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
