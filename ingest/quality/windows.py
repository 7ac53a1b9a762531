"""The windows of readings to judge again after a change, with the neighbours that their verdicts need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import microseconds
from ingest.quality import flat
from ingest.quality.readings import Mask
from ingest.quality.spike import GAP_INTERVALS
from quantrac.database.columns import packed, read_columns
from quantrac.database.feed import Change
from quantrac.database.pool import Connection

MOST_INTERVALS: Final = 50_000
"""A wider window is cut: a change may span years."""
MOST_READINGS: Final = 500_000
"""So many readings are loaded at once."""
MOST_WINDOWS: Final = 15_000

# Nothing in a window is flat when its first value differs from one within the limit before its last reading, nor when
# none is as old as a line must be: of a limit's time before its end a share must be there (readings of a channel that
# had another interval may be denser). What has a finding already is looked at, too: it may have to be withdrawn.
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
  or (v.value is not null and (exists (
    select from reading r where r.channel_id = w.channel_id and r.time >= w.low - w.after
    and r.time <= n.time - w.after * %(share)s::float8)
  or exists (select from channel_interval i where i.channel_id = w.channel_id)) and not exists (
    select from reading r where r.channel_id = w.channel_id and r.time < w.low and r.time >= n.time - w.after
    and r.value <> v.value and r.state <= 1))
  or exists (select from reading_flag f where f.channel_id = w.channel_id and f.time between w.low and n.time
             and f.test = %(test)s))
order by w.nr
"""

Times = npt.NDArray[np.int64]
"""Microseconds since 1970."""
Places = npt.NDArray[np.intp]


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
class ReachColumns:
    """The reach of channels, by channel; microseconds."""

    channel_id: npt.NDArray[np.int32]
    back: Times
    ahead: Times
    gap: Times

    @classmethod
    def of(cls, reaches: Mapping[int, Reach]) -> ReachColumns:
        """Return them as columns."""
        known = sorted(reaches)
        rows = np.array([reaches[channel_id] for channel_id in known], np.int64).reshape(-1, 3)
        return cls(np.array(known, np.int32), *rows.T)


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

    def changed_from(self) -> Times:
        """Return from when on readings changed for which a window is judged; pieces of one that was cut say less."""
        return self.judge_from + (self.load_to - self.judge_to)

    def alone(self) -> Mask:
        """Tell which windows are the only ones of their channel."""
        other = self.channel_id[1:] != self.channel_id[:-1]
        return np.r_[True, other] & np.r_[other, True] if len(self) else np.zeros(0, np.bool_)

    def in_blocks(self, channels: int | npt.NDArray[np.int64] = 1) -> Iterator[JudgedWindows]:
        """Yield the windows some at a time: as many as hold no more than so many readings, and always one.

        `channels` says of how many channels the readings of each window are.
        """
        expected = channels * (self.load_to - self.load_from) * GAP_INTERVALS / np.maximum(self.gap, 1)
        block = np.cumsum(expected) // MOST_READINGS + np.arange(len(self)) // MOST_WINDOWS
        for own in np.split(np.arange(len(self)), np.flatnonzero(np.diff(block)) + 1):
            if len(own):
                yield self.pick(own)


def windows(changes: Iterable[Change], reaches: ReachColumns) -> JudgedWindows:
    """Return the windows of the channels in `reaches`, merged and cut to size.

    A reading's own change may alter the verdicts that look at it, so a window reaches further than the change.
    """
    touching = [change for change in changes if change.channels]
    known, back, ahead, gap = reaches.channel_id, reaches.back, reaches.ahead, reaches.gap
    counts = [len(change.channels) for change in touching]
    ids = np.fromiter(chain.from_iterable(change.channels for change in touching), np.int32, sum(counts))
    is_known = np.isin(ids, known)
    place = np.searchsorted(known, ids[is_known])
    from_us, to_us = (
        np.repeat(np.array([microseconds(time) for time in times], np.int64), counts)[is_known]
        for times in ([change.from_t for change in touching], [change.to_t for change in touching])
    )
    place, low, high = _cut(*_merged(place, from_us - ahead[place], to_us + back[place]), gap * MOST_INTERVALS)
    return JudgedWindows(known[place], low, high, low - back[place], high + ahead[place], gap[place])


def _merged(place: Places, low: Times, high: Times) -> tuple[Places, Times, Times]:
    """Unite spans of one place that overlap; return them by place and time.

    Of begins and ends, each in order, the k-th end closes a united span when the next begin lies behind it: by then as
    many have ended as have begun.
    """
    by_low, by_high = np.lexsort((low, place)), np.lexsort((high, place))
    place, low, high = place[by_low], low[by_low], high[by_high]
    begins = np.ones(len(place), np.bool_)
    begins[1:] = (place[1:] != place[:-1]) | (low[1:] > high[:-1])
    ends = np.roll(begins, -1)
    return place[begins], low[begins], high[ends]


def _cut(place: Places, low: Times, high: Times, longest: Times) -> tuple[Places, Times, Times]:
    """Cut spans to at most `longest` of their place."""
    step = longest[place] + 1
    pieces = (high - low) // step + 1
    own = np.repeat(np.arange(len(place)), pieces)
    number = np.arange(len(own)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    first = low[own] + number * step[own]
    return place[own], first, np.minimum(first + step[own] - 1, high[own])


def still(conn: Connection, some: JudgedWindows, after_s: npt.NDArray[np.float64]) -> JudgedWindows:
    """Return the windows that may hold a flat line, up to the newest reading; `after_s` is the limit of each.

    It saves reading half a day for each new minute.
    """
    if not len(some):
        return some
    parameters = {
        "channel_id": packed(some.channel_id, "int4"),
        "low": packed(some.judge_from, "timestamptz"),
        "high": packed(some.judge_to, "timestamptz"),
        "after_s": packed(after_s, "float8"),
        "test": flat.TEST,
        "share": flat.SHARE,
    }
    found = read_columns(conn, STILL, parameters, {"place": "int4", "until": "timestamptz"})
    return replace(some.pick(found["place"].astype(np.intp) - 1), judge_to=found["until"], load_to=found["until"])
