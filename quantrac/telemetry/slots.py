"""Slots of time: a reading is named by the end of its slot; the slot labelled h holds h - width < t <= h."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Where every slot is aligned."""

SLOTS_MISSED: Final = 3
"""How many of a channel's intervals may pass without a reading."""
SLACK: Final = timedelta(seconds=10)
"""For averaging, transport and commit."""


def slot_end(t_ms: int, width_ms: int) -> int:
    """Return the label of the slot that holds an instant.

    Slots are aligned to the epoch (so to the UTC wall clock for widths that divide a day).

    Args:
        t_ms: instant, milliseconds since 1970 UTC.
        width_ms: width of the slot in milliseconds, positive.
    """
    return -(-t_ms // width_ms) * width_ms


def bucket_end(time: datetime, width: timedelta) -> datetime:
    """Return the label (UTC) of the bucket that holds an aware instant; equal to SQL's `bucket_end(time, width)`."""
    return EPOCH + width * -((EPOCH - time) // width)


def bucket_start(time: datetime, width: timedelta) -> datetime:
    """Return the start (UTC) of the bucket that holds an instant: start < t <= start + width; equal to SQL's."""
    return bucket_end(time, width) - width


def is_stale(now: datetime, time: datetime, interval: timedelta) -> bool:
    """Return whether a channel's newest reading is older than it should be."""
    return now - time > SLOTS_MISSED * interval + SLACK
