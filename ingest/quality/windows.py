"""The windows of readings to judge again after a change, with the neighbours that their verdicts need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import microseconds
from ingest.quality import flat
from ingest.quality.readings import Mask
from ingest.quality.spike import GAP_INTERVALS
from quantrac.database.columns import array, array_of_times, read_columns
from quantrac.database.feed import Change
from quantrac.database.pool import Connection

MOST_INTERVALS: Final = 50_000
"""A wider window is cut: a change may span years."""
MOST_READINGS: Final = 500_000
"""So many readings are loaded at once."""
MOST_WINDOWS: Final = 15_000

# Nothing in a window is flat when its first value differs from one within the limit before its last reading. What has a
# finding already is looked at, too: it may have to be withdrawn.
STILL: Final = """
select w.nr::int4 as place, n.time as until
from (select nr, channel_id, low, high, after_s * interval '1 second' as after
      from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[], %(after_s)s::float8[])
           with ordinality as w(channel_id, low, high, after_s, nr)) w
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
             and f.test = %(test)s))
order by w.nr
"""

Times = npt.NDArray[np.int64]
"""Microseconds since 1970."""


class Reach(NamedTuple):
    """How far the verdict on a reading looks, microseconds."""

    back: int
    ahead: int
    gap: int
    """Farthest a neighbour may be."""


def widest(reaches: Iterable[Reach]) -> Reach:
    """Return how far at least one of several verdicts looks."""
    back, ahead, gap = zip(*reaches, strict=True)
    return Reach(max(back), max(ahead), max(gap))


@dataclass(frozen=True, slots=True)
class JudgedWindows:
    """Readings to judge, and those to load for it: stretches of a channel, both ends inclusive, by channel and time."""

    channel_id: npt.NDArray[np.int32]
    judge_from: Times
    judge_to: Times
    load_from: Times
    load_to: Times
    gap: Times
    """Farthest a neighbour may be, microseconds."""

    def __len__(self) -> int:
        return len(self.channel_id)

    def pick(self, chosen: Mask | npt.NDArray[np.intp] | slice) -> JudgedWindows:
        """Return some of the windows."""
        return JudgedWindows(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def in_blocks(self) -> Iterator[JudgedWindows]:
        """Yield the windows some at a time: as many as hold no more than so many readings, and always one."""
        expected = (self.load_to - self.load_from) * GAP_INTERVALS / np.maximum(self.gap, 1)
        block = np.cumsum(expected) // MOST_READINGS + np.arange(len(self)) // MOST_WINDOWS
        for own in np.split(np.arange(len(self)), np.flatnonzero(np.diff(block)) + 1):
            if len(own):
                yield self.pick(own)


def windows(changes: Iterable[Change], reaches: Mapping[int, Reach]) -> JudgedWindows:
    """Return the windows of the channels in `reaches`, merged and cut to size.

    A reading's own change may alter the verdicts that look at it, so a window reaches further than the change.
    """
    touched: list[tuple[int, int, int]] = []
    for change in changes:
        low, high = microseconds(change.from_t), microseconds(change.to_t)
        touched += [
            (channel_id, low - reach.ahead, high + reach.back)
            for channel_id in change.channels
            if (reach := reaches.get(channel_id)) is not None
        ]
    found = [window for span in _merged(touched) for window in _cut(span, reaches[span[0]].gap * MOST_INTERVALS)]
    channel_id, low_us, high_us = np.array(found, np.int64).reshape(-1, 3).T
    back, ahead, gap = np.array([reaches[window[0]] for window in found], np.int64).reshape(-1, 3).T
    return JudgedWindows(channel_id.astype(np.int32), low_us, high_us, low_us - back, high_us + ahead, gap)


def _merged(spans: Iterable[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    for each in sorted(spans):
        if found and found[-1][0] == each[0] and each[1] <= found[-1][2]:
            found[-1] = (each[0], found[-1][1], max(found[-1][2], each[2]))
        else:
            found.append(each)
    return found


def _cut(span: tuple[int, int, int], longest: int) -> Iterator[tuple[int, int, int]]:
    channel_id, low, high = span
    while high - low > longest:
        yield channel_id, low, low + longest
        low += longest + 1
    yield channel_id, low, high


def still(conn: Connection, some: JudgedWindows, after_s: npt.NDArray[np.float64]) -> JudgedWindows:
    """Return the windows that may hold a flat line, up to the newest reading; `after_s` is the limit of each.

    It saves reading half a day for each new minute.
    """
    if not len(some):
        return some
    parameters = {
        "channel_id": array(some.channel_id),
        "low": array_of_times(some.judge_from),
        "high": array_of_times(some.judge_to),
        "after_s": array(after_s),
        "test": flat.TEST,
    }
    found = read_columns(conn, STILL, parameters, {"place": "int4", "until": "timestamptz"})
    return replace(some.pick(found["place"].astype(np.intp) - 1), judge_to=found["until"], load_to=found["until"])
