"""Readings as columns: a block of one channel, in order of their time, and those of many channels. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantrac.telemetry.quality import Quality
from quantrac.telemetry.states import State

T = TypeVar("T")

LATE_AFTER_MS: Final = 15 * 60_000
"""A reading received later than this after its time is late, unless three of its intervals are longer."""


COLUMNS: Final = ("t_ms", "value", "quality", "received_ms", "state")


class JudgedReading(NamedTuple):
    """One reading as alarms see it."""

    t_ms: int
    value: float | None
    quality: int
    received_ms: int
    state: int = State.OK


@dataclass(frozen=True)
class ReadingBlock:
    """Readings of one channel, ascending by time, one a time."""

    t_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    """NaN where there is no value."""
    quality: NDArray[np.int8]
    received_ms: NDArray[np.int64]
    state: NDArray[np.int8]
    start_ms: int | None = None
    """Readings before it are context for rules that look back; None: there is no context."""
    derived: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    """What several rules on the channel need of these readings, worked out once."""

    @classmethod
    def of(cls, samples: Iterable[JudgedReading], start_ms: int | None = None) -> ReadingBlock:
        """Return the block of the samples, sorted by their time."""
        rows = sorted(samples)
        return cls(
            t_ms=np.array([row.t_ms for row in rows], dtype=np.int64),
            value=np.array([np.nan if row.value is None else row.value for row in rows], dtype=np.float64),
            quality=np.array([row.quality for row in rows], dtype=np.int8),
            received_ms=np.array([row.received_ms for row in rows], dtype=np.int64),
            state=np.array([row.state for row in rows], dtype=np.int8),
            start_ms=start_ms,
        )

    def as_timely(self) -> ReadingBlock:
        """Return the readings as if each had come at its own time."""
        return replace(self, received_ms=self.t_ms, derived={})

    def since(self, t_ms: int) -> ReadingBlock:
        """Return the readings from a time on."""
        first = int(np.searchsorted(self.t_ms, t_ms))
        return replace(self, **{name: getattr(self, name)[first:] for name in COLUMNS}, derived={})

    def followed_by(self, later: ReadingBlock) -> ReadingBlock:
        """Return both; this one's readings are context only."""
        columns = {name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in COLUMNS}
        return replace(self, **columns, start_ms=int(later.t_ms[0]), derived={})

    def __len__(self) -> int:
        return len(self.t_ms)

    def is_late(self, interval_ms: int) -> NDArray[np.bool_]:
        """Return `_is_late`, worked out once an interval."""
        return once(self.derived, ("late", interval_ms), lambda: self._is_late(interval_ms))

    def _is_late(self, interval_ms: int) -> NDArray[np.bool_]:
        """Mark readings that came too long after their time, or after a newer reading of the channel.

        The second test makes the verdict the same however the readings are cut into blocks: what the cursor of an
        evaluation that keeps up would call late is late also in a block that holds both.
        """
        too_old = self.received_ms - self.t_ms > max(LATE_AFTER_MS, 3 * interval_ms)
        return too_old | self._overtaken(too_old)

    def _overtaken(self, too_old: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Mark readings received after a newer one that was itself in time."""
        never = np.iinfo(np.int64).max
        timely = np.where(too_old, never, self.received_ms)
        earliest_from = np.minimum.accumulate(timely[::-1])[::-1]
        earliest_newer = np.append(earliest_from[1:], never)
        return self.received_ms > earliest_newer

    def counts(self, use: frozenset[Quality]) -> NDArray[np.bool_]:
        """Mark readings that have a value of a quality in `use`."""
        wanted = np.zeros(16, dtype=np.bool_)
        wanted[[int(quality) for quality in use]] = True
        return wanted[self.quality] & ~np.isnan(self.value)


@dataclass(frozen=True, slots=True)
class JudgedReadings:
    """Readings of many channels, by channel and then by time."""

    channel: NDArray[np.int32]
    t_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    quality: NDArray[np.int8]
    received_ms: NDArray[np.int64]
    state: NDArray[np.int8]
    edges: NDArray[np.int64]
    """Where each channel begins, and the end of the last one."""

    @property
    def channels(self) -> NDArray[np.int32]:
        """The channels that have readings, ascending."""
        return self.channel[self.edges[:-1]]

    def block(self, number: int, start_ms: int | None = None) -> ReadingBlock:
        """Return the readings of one of `channels`, by its place there."""
        own = slice(self.edges[number], self.edges[number + 1])
        return ReadingBlock(
            self.t_ms[own], self.value[own], self.quality[own], self.received_ms[own], self.state[own], start_ms
        )

    def samples(self, channel: int) -> list[JudgedReading]:
        """Return the readings of a channel one by one."""
        low, high = self.of(channel)
        columns = (getattr(self, name)[low:high].tolist() for name in COLUMNS)
        return [
            JudgedReading(t_ms, None if np.isnan(value) else value, *rest)
            for t_ms, value, *rest in zip(*columns, strict=True)
        ]

    def with_blocks(self, channels: Collection[int], blocks: Mapping[int, ReadingBlock]) -> JudgedReadings:
        """Return the same with other readings of some channels."""
        others = {id_: self.block(place) for place, id_ in enumerate(self.channels.tolist()) if id_ not in channels}
        return joined(dict(sorted((others | dict(blocks)).items())))

    def of(self, channel: int) -> tuple[int, int]:
        """Return from where to where the readings of a channel stand."""
        low, high = np.searchsorted(self.channel, [channel, channel + 1])
        return int(low), int(high)


def joined(blocks: Mapping[int, ReadingBlock]) -> JudgedReadings:
    """Return the blocks of channels as one."""
    made = list(blocks.values()) or [ReadingBlock.of([])]
    columns = {name: np.concatenate([getattr(block, name) for block in made]) for name in COLUMNS}
    channel = np.repeat(np.array(list(blocks), dtype=np.int32), [len(block) for block in blocks.values()])
    return JudgedReadings(channel, **columns, edges=np.flatnonzero(np.diff(channel, prepend=-1, append=-1)))


def once(known: dict[Hashable, Any], key: Hashable, make: Callable[[], T]) -> T:
    """Return what stands under a key, made at the first question."""
    if key not in known:
        known[key] = make()
    found: T = known[key]
    return found
