"""Spells: readings of a course in a row for which something holds, and those that last long enough. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from alerts.evaluating.course import Course, Mask


@dataclass(frozen=True, slots=True)
class Lasting:
    """Spells that lasted long enough: where they start, and the reading at which they had."""

    starts: list[int]
    reached: list[int]

    def after(self, at: int) -> tuple[int, int] | None:
        """Return the first that starts behind a reading."""
        k = bisect_right(self.starts, at)
        return None if k == len(self.starts) else (self.starts[k], self.reached[k])


class Spells:
    """Readings in a row for which a mask is true; the first may go on from before the course."""

    def __init__(self, mask: Mask, course: Course, carried_ms: int) -> None:
        edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
        bounds = np.concatenate(([0], edges, [len(mask)]))
        first = 0 if mask[0] else 1
        self._starts = bounds[first:-1:2]
        self._ends = bounds[first + 1 :: 2] - 1
        self._elapsed = course.elapsed_ms
        self._before = course.elapsed_ms[self._starts] - course.span_ms[self._starts]
        if mask[0]:
            self._before[0] -= carried_ms
        self._ends_open = bool(mask[-1])

    def lasting(self, delay_ms: int) -> Lasting:
        """Return the spells that cover the delay."""
        long = self._elapsed[self._ends] - self._before >= delay_ms
        starts = self._starts[long]
        reached = np.maximum(np.searchsorted(self._elapsed, self._before[long] + delay_ms, side="left"), starts)
        return Lasting(starts.tolist(), reached.tolist())

    def unfinished(self, at: int) -> tuple[int, int] | None:
        """Return start and time covered of the spell that reaches the end, if it starts behind a reading."""
        if not self._ends_open or self._starts[-1] <= at:
            return None
        return int(self._starts[-1]), int(self._elapsed[-1] - self._before[-1])
