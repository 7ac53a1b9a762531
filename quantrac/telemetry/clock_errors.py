"""How wrong a station's clock is, as the centre hears it, and when a reading was measured whatever it said. Pure.

A message on the live lane is sent as soon as its slot is over. What its time departs from its receipt is the clock's
error, less the way. Nothing can come before it was measured, so a clock that shows more than the receipt is ahead at
the first message. One that shows less may be behind, or its messages are late: it is behind once they have departed by
the same for half a minute, for what was held back on its way comes nearer to its time with each message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

TOLERANCE_MS: Final = 60_000
"""What a clock may be off, and a live message take, without anything being wrong with either."""
SURE_AFTER_MS: Final = 30_000
"""How long live messages must depart by the same until a clock is believed to be behind."""


class ClockError(NamedTuple):
    """A stretch of receipts over which a station's clock was wrong, milliseconds since 1970 by the centre's clock."""

    since_ms: int
    until_ms: int | None
    """None: still."""
    ahead_ms: int
    """How much the clock shows more than the time; negative: it is behind."""


@dataclass(frozen=True, slots=True)
class HeardClock:
    """A station's clock as the centre has heard it."""

    error: ClockError | None = None
    """The present error; None: it is right, within the tolerance."""
    doubt: ClockError | None = None
    """What it is suspected of: messages say less than before, which may as well be their way."""

    @property
    def ahead_ms(self) -> int:
        """How much the clock is held to be ahead."""
        return 0 if self.error is None else self.error.ahead_ms

    def heard(self, ahead_ms: int, received_ms: int) -> HeardClock:
        """Return what to hold after a live message whose time is so much ahead of its receipt."""
        if abs(ahead_ms - self.ahead_ms) <= TOLERANCE_MS:
            return replace(self, doubt=None)
        said = ClockError(received_ms, None, ahead_ms)
        if ahead_ms > self.ahead_ms:
            return _held(said)
        if self.doubt is None or ahead_ms > self.doubt.ahead_ms + TOLERANCE_MS:
            return replace(self, doubt=said)
        is_same = ahead_ms >= self.doubt.ahead_ms - TOLERANCE_MS
        return _held(self.doubt) if is_same and received_ms - self.doubt.since_ms >= SURE_AFTER_MS else self


def _held(error: ClockError) -> HeardClock:
    return HeardClock(None if abs(error.ahead_ms) <= TOLERANCE_MS else error)


def measured_ms(t_ms: int, received_ms: int, errors: Sequence[ClockError]) -> int:
    """Return when a reading was measured: by the error of its station's clock at its receipt, if it shows that error.

    A reading shows the error of a clock ahead when it is itself from the future, else when it would have come as a live
    one does. Others, such as late ones that were dated by a right clock, keep their time.
    """
    for error in errors:
        if error.since_ms <= received_ms and (error.until_ms is None or received_ms < error.until_ms):
            measured = t_ms - error.ahead_ms
            is_live = abs(received_ms - measured) <= TOLERANCE_MS
            is_future = error.ahead_ms > 0 and t_ms - received_ms > TOLERANCE_MS and measured <= received_ms
            return measured if is_live or is_future else t_ms
    return t_ms
