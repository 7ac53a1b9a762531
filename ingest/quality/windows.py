"""The windows of readings to judge again after a change, with the neighbours that their verdicts need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from ingest.quality import flat
from ingest.quality.spike import GAP_INTERVALS
from ingest.spans import Span, merged
from quantrac.database.feed import Change
from quantrac.database.pool import Connection

MOST_INTERVALS: Final = 50_000
"""A wider window is cut: a change may span years."""
MOST_READINGS: Final = 500_000
"""So many readings are loaded at once."""
MOST_WINDOWS: Final = 4_000

# Nothing in a window is flat when its first value differs from one within the limit before its last reading. What has a
# finding already is looked at, too: it may have to be withdrawn.
STILL: Final = """
select w.nr, n.time
from unnest(%s::int4[], %s::timestamptz[], %s::timestamptz[], %s::interval[])
     with ordinality as w(channel_id, low, high, after, nr)
cross join lateral (
  select r.time from reading r where r.channel_id = w.channel_id and r.time <= w.high order by r.time desc limit 1) n
left join lateral (
  select r.value from reading r where r.channel_id = w.channel_id and r.time >= w.low and r.value is not null
  and r.state <= 1 order by r.time limit 1) v on true
where n.time >= w.low and (
  n.time - w.low >= w.after
  or (v.value is not null and not exists (
    select from reading r where r.channel_id = w.channel_id and r.time < w.low and r.time >= n.time - w.after
    and r.value <> v.value and r.state <= 1))
  or exists (select from reading_flag f where f.channel_id = w.channel_id and f.time between w.low and n.time
             and f.test = %s))
order by w.nr
"""


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


class JudgedWindow(NamedTuple):
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

    def judges(self, time: datetime) -> bool:
        """Whether a reading of a time is to be judged."""
        return self.judge_from <= time <= self.judge_to

    @property
    def load_to(self) -> datetime:
        """Where they end."""
        return self.judge_to + self.reach.ahead


def windows(changes: Iterable[Change], reaches: dict[int, Reach]) -> list[JudgedWindow]:
    """Return the windows of the channels in `reaches`, merged and cut to size.

    A reading's own change may alter the verdicts that look at it, so a window reaches further than the change.
    """
    touched = (
        Span(channel_id, change.from_t - reach.ahead, change.to_t + reach.back)
        for change in changes
        for channel_id in change.channels
        if (reach := reaches.get(channel_id)) is not None
    )
    return [
        window
        for channel_id, low, high in merged(touched)
        for window in _cut(JudgedWindow(channel_id, low, high, reaches[channel_id]))
    ]


def in_blocks(every: Sequence[JudgedWindow]) -> Iterator[Sequence[JudgedWindow]]:
    """Yield the windows some at a time: as many as hold no more than so many readings, and always one."""
    start, expected = 0, 0.0
    for at, window in enumerate(every):
        expected += (window.load_to - window.load_from) / window.reach.gap * GAP_INTERVALS
        if at > start and (expected > MOST_READINGS or at - start >= MOST_WINDOWS):
            yield every[start:at]
            start, expected = at, 0.0
    if start < len(every):
        yield every[start:]


def _cut(window: JudgedWindow) -> Iterator[JudgedWindow]:
    longest = window.reach.gap * MOST_INTERVALS
    low = window.judge_from
    while window.judge_to - low > longest:
        yield window._replace(judge_from=low, judge_to=low + longest)
        low += longest + timedelta(microseconds=1)
    yield window._replace(judge_from=low)


def still(conn: Connection, some: Sequence[JudgedWindow], after_s: Mapping[int, float]) -> list[JudgedWindow]:
    """Return the windows that may hold a flat line, up to the newest reading; `after_s` is the limit by channel.

    It saves reading half a day for each new minute.
    """
    if not some:
        return []
    columns = [
        [each.channel_id for each in some],
        [each.judge_from for each in some],
        [each.judge_to for each in some],
        [timedelta(seconds=after_s[each.channel_id]) for each in some],
    ]
    return [some[nr - 1]._replace(judge_to=time) for nr, time in conn.execute(STILL, [*columns, flat.TEST])]
