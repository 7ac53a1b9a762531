"""Two clocks: the monotonic one, for waiting; the wall clock, which people read and somebody may set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

STEP_MS: Final = 500
"""A wall clock that moved this much against the monotonic one between two looks was set."""


class Moment(NamedTuple):
    """An instant on both clocks."""

    s: float
    """Seconds of a clock that only goes forward."""
    ms: int
    """Milliseconds since 1970 UTC."""


Now = Callable[[], Moment]
NowMs = Callable[[], int]
"""Wall clock: milliseconds since 1970 UTC."""


class WallClock:
    """Reads the wall clock and counts its steps; slow correction (slewing) is none."""

    def __init__(
        self, wall: Callable[[], int], monotonic: Callable[[], float], on_step: Callable[[int, int], None]
    ) -> None:
        """Begin to watch.

        Args:
            wall: milliseconds since 1970 UTC.
            monotonic: seconds since any beginning.
            on_step: called with the time after the step and the step in milliseconds.
        """
        self._wall = wall
        self._monotonic = monotonic
        self._on_step = on_step
        self._offset_ms = wall() - monotonic() * 1000
        self.steps = 0
        """How often the clock was set."""

    def now_ms(self) -> int:
        """Return the wall clock."""
        now_ms = self._wall()
        offset_ms = now_ms - self._monotonic() * 1000
        step_ms, self._offset_ms = offset_ms - self._offset_ms, offset_ms
        if abs(step_ms) > STEP_MS:
            self.steps += 1
            self._on_step(now_ms, round(step_ms))
        return now_ms
