"""Trust in the wall clock, and the dates of records that were made before it could be trusted. Pure.

A box without a battery wakes up in 1970, or where its clock stood when the mains went. What is measured meanwhile is
kept with the difference between the wall clock and the time since the machine started; once the clock can be believed,
that difference says when it really was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from edge_agent.readings.records import SlotRecord, StationEvent
from quantrac.config.stations import ClockPlan

SAME_CLOCK_MS: Final = 500
"""A clock that turns out right to this much keeps the slots it has made."""


class ClockLook(NamedTuple):
    """The state of the clock, as its source of time reports it."""

    synchronised: bool | None
    """None: no source can be asked."""
    offset_ms: float | None
    """By how much the clock is known to be wrong, positive: it is behind."""


class ClockStamp(NamedTuple):
    """The clocks when a record was offered."""

    offset_ms: int
    """Wall clock minus the time since the machine started."""
    trusted: bool


ALWAYS: Final = ClockStamp(0, trusted=True)


class Offered(NamedTuple):
    """A record and the clocks by which it was made."""

    record: SlotRecord
    stamp: ClockStamp = ALWAYS


def is_trusted(plan: ClockPlan, wall_ms: int, look: ClockLook, was_synchronised: bool) -> bool:
    """Return whether a wall clock may be believed.

    Never before `not_before`. With `trust: date` that is all; with `trust: synchronised` it must have been
    synchronised since the machine started, unless no source can be asked.
    """
    if wall_ms < plan.not_before_ms:
        return False
    return plan.trust == "date" or was_synchronised or look.synchronised is not False


def dated(offered: Offered, offset_ms: int) -> SlotRecord:
    """Return a record with the times that a clock of the given offset would have given it."""
    shift_ms = 0 if offered.stamp.trusted else offset_ms - offered.stamp.offset_ms
    if abs(shift_ms) <= SAME_CLOCK_MS:
        return offered.record
    record = offered.record
    return record._replace(t_ms=record.t_ms + shift_ms, events=shifted(record.events, shift_ms))


def shifted(events: Sequence[StationEvent], by_ms: int) -> tuple[StationEvent, ...]:
    """Return events as a clock that is `by_ms` ahead would have dated them."""
    return tuple(event._replace(t_ms=event.t_ms + by_ms) for event in events)
