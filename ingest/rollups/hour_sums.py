"""Sums of hours that grow, as columns, and how readings carry them on. Pure.

Each sum takes one reading after another, in order of time, as `hourly.sql` does: equal readings give equal bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

VECTOR, SUM, LAST = 1, 2, 3
"""Codes of the kinds whose value is not the mean, see `KINDS`."""
KINDS: Final = ("mean", "vector", "sum", "last")

Times = npt.NDArray[np.int64]
"""Microseconds since 1970."""
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class NewReadings:
    """Readings that come to hours: by place and time."""

    place: Places
    """Number of the hour."""
    time_us: Times
    value: Floats
    """NaN where it does not count."""
    east: Floats
    north: Floats
    """Of a direction that counts its sine and cosine, else NaN."""

    def layers(self) -> Iterator[NewReadings]:
        """Yield the first reading of every hour, then the second ones, and so on."""
        first = np.flatnonzero(np.diff(self.place, prepend=-1))
        rank = np.arange(len(self.place)) - np.repeat(first, np.diff(first, append=len(self.place)))
        by_rank = np.argsort(rank, kind="stable")
        for own in np.split(by_rank, np.flatnonzero(np.diff(rank[by_rank])) + 1):
            yield self.pick(own)

    def pick(self, chosen: Mask | Places) -> NewReadings:
        """Return some of the readings."""
        return NewReadings(*(getattr(self, each.name)[chosen] for each in fields(self)))


@dataclass(frozen=True, slots=True)
class HourSums:
    """Hours of channels as rows of `hourly` hold them; a number that is null there is NaN."""

    channel_id: npt.NDArray[np.int32]
    hour_us: Times
    """When the hour begins."""
    kind: npt.NDArray[np.int16]
    """Place in `KINDS`."""
    derived: npt.NDArray[np.int16]
    """1: the channel is derived."""
    newest_us: Times
    """Of the readings that are in the hour; its beginning where there is none."""
    last: Floats
    """Value of the newest reading that counts, of kind `last`."""
    min: Floats
    max: Floats
    total: Floats
    east: Floats
    north: Floats
    count: Counts
    received: Counts
    expected: Counts
    pivot: Floats
    offsets: Floats
    squares: Floats

    def __len__(self) -> int:
        return len(self.channel_id)

    def pick(self, chosen: Mask | Places | slice) -> HourSums:
        """Return a copy of some of the hours."""
        return HourSums(*(np.array(getattr(self, each.name)[chosen]) for each in fields(self)))

    def __add__(self, other: HourSums) -> HourSums:
        """Return both, one behind the other."""
        return HourSums(
            *(np.concatenate([getattr(self, each.name), getattr(other, each.name)]) for each in fields(self))
        )

    def find(self, channel_id: npt.NDArray[np.int32], hour_us: Times) -> tuple[Places, Mask]:
        """Return where hours stand, by channel, and whether they are there; of a channel there is one at most."""
        where = np.searchsorted(self.channel_id, channel_id)
        near = np.minimum(where, len(self) - 1)
        there = np.zeros(len(channel_id), np.bool_)
        if len(self):
            there = (self.channel_id[near] == channel_id) & (self.hour_us[near] == hour_us)
        return near, there

    def without(self, channel_id: npt.NDArray[np.int32]) -> HourSums:
        """Return the hours of all other channels."""
        return self.pick(~np.isin(self.channel_id, channel_id))

    def last_of_each(self) -> HourSums:
        """Return the last hour of each channel, by channel."""
        order = np.lexsort((self.hour_us, self.channel_id))
        return self.pick(order[np.diff(self.channel_id[order], append=-1) != 0])

    def grown(self, readings: NewReadings) -> HourSums:
        """Return the hours with readings that are newer than all that is in them; `place` counts these hours."""
        sums = self.pick(slice(None))
        for layer in readings.layers():
            sums.take(layer)
        return sums

    def take(self, one: NewReadings) -> None:
        """Add at most one reading to each hour, in place."""
        self.received[one.place] += 1
        self.newest_us[one.place] = one.time_us
        one = one.pick(~np.isnan(one.value))
        self.count[one.place] += 1
        self.last[one.place] = one.value
        _add(self.east, one.place, one.east)
        _add(self.north, one.place, one.north)
        one = one.pick(self.kind[one.place] != VECTOR)
        at, value = one.place, one.value
        self.pivot[at] = np.where(np.isnan(self.pivot[at]), value, self.pivot[at])
        offset = value - self.pivot[at]
        _add(self.total, at, value)
        _add(self.offsets, at, offset)
        _add(self.squares, at, offset * offset)
        self.min[at] = np.where(self.min[at] < value, self.min[at], value)
        self.max[at] = np.where(self.max[at] > value, self.max[at], value)

    @property
    def mean(self) -> Floats:
        """Mean of each hour; NaN of directions, and where nothing counts."""
        mean: Floats = self.total / np.where(self.count > 0, self.count, np.nan)
        return mean

    @property
    def value(self) -> Floats:
        """What the kind makes of each hour; NaN of directions, and where nothing counts."""
        of_mean = np.where(self.kind == LAST, self.last, self.mean)
        return np.where(self.kind == SUM, self.total, np.where(self.kind == VECTOR, np.nan, of_mean))

    @property
    def sd(self) -> Floats:
        """Standard deviation of each hour; NaN of directions, and where fewer than two values count."""
        count = np.where(self.count > 1, self.count, np.nan)
        sd: Floats = np.sqrt(np.maximum(self.squares - self.offsets * self.offsets / count, 0) / (count - 1))
        return sd


def _add(sums: Floats, at: Places, values: Floats) -> None:
    """Add a value to each of these sums; a sum that has none is the value."""
    sums[at] = np.where(np.isnan(sums[at]), values, sums[at] + values)


def none() -> HourSums:
    """Return no hours."""
    types = {"channel_id": np.int32, "hour_us": np.int64, "newest_us": np.int64, "kind": np.int16, "derived": np.int16}
    types |= dict.fromkeys(("count", "received", "expected"), np.int32)
    return HourSums(*(np.zeros(0, types.get(each.name, np.float64)) for each in fields(HourSums)))
