"""The windows of readings to judge again after a change, with the neighbours that their verdicts need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ingest.spans import Span, merged
from quantrac.database.feed import Change

MOST_INTERVALS: Final = 50_000
"""A wider window is cut: a change may span years."""


class Reach(NamedTuple):
    """How far the verdict on a reading looks."""

    back: timedelta
    ahead: timedelta
    gap: timedelta
    """Farthest a neighbour may be."""


def widest(reaches: Iterable[Reach]) -> Reach:
    """Return how far at least one of several verdicts looks."""
    back, ahead, gap = zip(*reaches, strict=True)
    return Reach(max(back), max(ahead), max(gap))


class Window(NamedTuple):
    """Readings of one channel to judge, both ends inclusive."""

    channel_id: int
    judge_from: datetime
    judge_to: datetime
    reach: Reach
    """How far beyond them their verdicts look."""

    @property
    def load_from(self) -> datetime:
        """Where the readings begin that verdicts look at."""
        return self.judge_from - self.reach.back

    @property
    def load_to(self) -> datetime:
        """Where they end."""
        return self.judge_to + self.reach.ahead


def windows(changes: Iterable[Change], reaches: dict[int, Reach]) -> list[Window]:
    """Return the windows of the channels in `reaches`, merged and cut to size.

    A reading's own change may alter the verdicts that look at it, so a window reaches further than the change.
    """
    touched = (
        Span(change.channel_id, change.from_t - reach.ahead, change.to_t + reach.back)
        for change in changes
        if change.channel_id is not None and (reach := reaches.get(change.channel_id)) is not None
    )
    return [
        window
        for channel_id, low, high in merged(touched)
        for window in _cut(Window(channel_id, low, high, reaches[channel_id]))
    ]


def _cut(window: Window) -> Iterator[Window]:
    longest = window.reach.gap * MOST_INTERVALS
    low = window.judge_from
    while window.judge_to - low > longest:
        yield window._replace(judge_from=low, judge_to=low + longest)
        low += longest + timedelta(microseconds=1)
    yield window._replace(judge_from=low)
