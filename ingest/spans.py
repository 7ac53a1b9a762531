"""Span: a stretch of time of one channel, and the merging of overlapping or neighbouring ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple


class Span(NamedTuple):
    """Times of one channel; who makes it says which of its ends belong to it."""

    channel_id: int
    low: datetime
    high: datetime


def merged(spans: Iterable[Span], gap: timedelta = timedelta(0)) -> list[Span]:
    """Return the same times in as few spans as possible, by channel and time; gaps up to `gap` are filled."""
    found: list[Span] = []
    for each in sorted(spans):
        last = found[-1] if found else None
        if last is not None and last.channel_id == each.channel_id and each.low - last.high <= gap:
            found[-1] = last._replace(high=max(last.high, each.high))
        else:
            found.append(each)
    return found
