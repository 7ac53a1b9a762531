"""The whole hours of stations as roll-ups have them, in arrays; those of now are kept from round to round."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np

from ingest.books.arrivals import microseconds, moment
from quantrac.database.columns import packed, read_columns
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.quality.neighbours import REACH_H, WHOLE
from quantrac.quality.series import Floats
from quantrac.telemetry.local_time import Calendar

HOUR_US: Final = 3_600_000_000
BLOCK_H: Final = 30 * 24
"""Hours that are judged at once, and for which REACH_H hours before them are read."""
MOST_KEPT: Final = 4_000
"""Hours of so many channels are kept, 86 MB; of a larger network they are read each time."""
WINDOWS: Final = """
select w.nr::int4 - 1 as place, h.time, h.mean
from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[])
       with ordinality as w(channel_id, low, high, nr)
cross join lateral (
  select h.time, h.mean from hourly h where h.channel_id = w.channel_id and h.time >= w.low and h.time < w.high
  and h.time >= %(first)s and h.time < %(last)s and h.count >= %(whole)s * h.expected and h.mean is not null offset 0) h
"""
"""`offset 0` as in ingest/stored_readings.py. What a person or a test rejects is in no hour, a correction is."""
BLOCK: Final = """
select h.channel_id, h.time, h.mean from hourly h
where h.channel_id = any(%(channels)s::int4[]) and h.time >= %(low)s and h.time < %(high)s
  and h.count >= %(whole)s * h.expected and h.mean is not null
"""


class HourSpan(NamedTuple):
    """Hours of a channel, both inclusive, by their number since 1970."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class HourClock:
    """Hours since 1970, as roll-ups have them: hour n holds the readings after its beginning and up to its end."""

    shift_us: int = 0
    """Minutes at which hours begin, as microseconds."""

    @classmethod
    def of(cls, conn: Connection) -> HourClock:
        """Return the hours of the network."""
        return cls(round(Calendar(time_zone(conn)).shift.total_seconds() * 1e6))

    def hour(self, time: datetime) -> int:
        """Return the hour of a reading."""
        return (microseconds(time) - self.shift_us - 1) // HOUR_US

    def begins(self, hour: int) -> datetime:
        """Return when an hour begins."""
        return moment(hour * HOUR_US + self.shift_us)

    def begun(self, begin: datetime) -> int:
        """Return the hour that begins then."""
        return (microseconds(begin) - self.shift_us) // HOUR_US


class StationHours:
    """Hours of channels by block; those of the newest block are kept, and what changed in them is read again."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self._block = 0
        self._kept: dict[int, Floats] = {}

    def changed(self, conn: Connection, spans: Sequence[tuple[int, HourSpan]], clock: HourClock) -> list[bool]:
        """Read again what changed; tell of each span of a channel whether it holds a whole hour."""
        if not spans:
            return []
        edges = np.array([(span.low, span.high + 1) for _, span in spans], np.int64) * HOUR_US + clock.shift_us
        asked = {
            "channel_id": packed(np.array([number for number, _ in spans], np.int32), "int4"),
            "low": packed(edges[:, 0], "timestamptz"),
            "high": packed(edges[:, 1], "timestamptz"),
            "first": moment(int(edges.min())),
            "last": moment(int(edges.max())),
            "whole": WHOLE,
        }
        rows = read_columns(conn, WINDOWS, asked, {"place": "int4", "time": "timestamptz", "mean": "float8"})
        hour = (rows["time"] - clock.shift_us) // HOUR_US
        order = np.argsort(rows["place"], kind="stable")
        bounds = np.searchsorted(rows["place"][order], np.arange(len(spans) + 1))
        for at, (number, span) in enumerate(spans):
            own = order[bounds[at] : bounds[at + 1]]
            self._put(number, span, hour[own], rows["mean"][own])
        return [int(count) > 0 for count in np.diff(bounds)]

    def _put(self, number: int, span: HourSpan, hour: np.ndarray[tuple[int], np.dtype[np.int64]], mean: Floats) -> None:
        if (kept := self._kept.get(number)) is not None:
            begin = self._block * BLOCK_H - REACH_H
            kept[max(span.low - begin, 0) : max(span.high + 1 - begin, 0)] = np.nan
            inside = (hour >= begin) & (hour < begin + len(kept))
            kept[hour[inside] - begin] = mean[inside]

    def of(self, conn: Connection, channels: Collection[int], block: int, clock: HourClock) -> Mapping[int, Floats]:
        """Return the means of channels from REACH_H before the first hour of a block to its last one.

        NaN where an hour is not whole.
        """
        if block < self._block:
            return _read(conn, channels, block, clock)
        if block > self._block:
            self._block, self._kept = block, {}
        if missing := set(channels) - self._kept.keys():
            if len(self._kept) + len(missing) > MOST_KEPT:
                self._kept = {}
                return _read(conn, channels, block, clock)
            self._kept |= _read(conn, missing, block, clock)
        return self._kept


def _read(conn: Connection, channels: Iterable[int], block: int, clock: HourClock) -> dict[int, Floats]:
    begin, end = block * BLOCK_H - REACH_H, (block + 1) * BLOCK_H
    numbers = np.array(sorted(channels), np.int64)
    asked = {
        "channels": numbers.tolist(), "low": clock.begins(begin), "high": clock.begins(end), "whole": WHOLE,
    }  # fmt: skip
    rows = read_columns(conn, BLOCK, asked, {"channel_id": "int4", "time": "timestamptz", "mean": "float8"})
    grid = np.full((len(numbers), end - begin), np.nan)
    hour = (rows["time"] - clock.shift_us) // HOUR_US - begin
    grid[np.searchsorted(numbers, rows["channel_id"]), hour] = rows["mean"]
    return dict(zip(numbers.tolist(), grid, strict=True))
