"""A block of readings of one channel as columns, in order of their time. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantrac.telemetry.quality import Quality

LATE_AFTER_MS: Final = 15 * 60_000
"""A reading received later than this after its time is late, unless three of its intervals are longer."""


class Sample(NamedTuple):
    """One reading as alarms see it."""

    t_ms: int
    value: float | None
    quality: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class Block:
    """Readings of one channel, ascending by time, one a time."""

    t_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    """NaN where there is no value."""
    quality: NDArray[np.int8]
    received_ms: NDArray[np.int64]

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Block:
        """Return the block of the samples, sorted by their time."""
        rows = sorted(samples)
        return cls(
            t_ms=np.array([row.t_ms for row in rows], dtype=np.int64),
            value=np.array([np.nan if row.value is None else row.value for row in rows], dtype=np.float64),
            quality=np.array([row.quality for row in rows], dtype=np.int8),
            received_ms=np.array([row.received_ms for row in rows], dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.t_ms)

    def is_late(self, interval_ms: int) -> NDArray[np.bool_]:
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
        return np.isin(self.quality, [int(quality) for quality in use]) & ~np.isnan(self.value)
