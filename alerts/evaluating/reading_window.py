"""A stretch of a channel's readings between two times, and times as milliseconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class ReadingWindow:
    """Readings of a channel that may be new: between two times (ms since 1970), both inclusive."""

    channel_id: int
    channel: str
    from_ms: int
    to_ms: int
    start_ms: int | None = None
    """Readings before it are wanted as context only; None: there is no context."""


def instant(t_ms: int) -> datetime:
    """Return the UTC time of milliseconds since 1970."""
    return EPOCH + timedelta(milliseconds=t_ms)


def milliseconds(time: datetime) -> int:
    """Return milliseconds since 1970 of a time."""
    return (time - EPOCH) // MILLISECOND


def enclosing_ms(from_t: datetime, to_t: datetime) -> tuple[int, int]:
    """Return the whole milliseconds since 1970 that enclose two times."""
    return milliseconds(from_t), -((EPOCH - to_t) // MILLISECOND)
