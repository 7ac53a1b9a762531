"""Gaps of a channel and their causes: link, power, calibration, maintenance, out of service, fault, test. Pure.

A gap is a stretch of time in which no reading of a channel counts: nothing came, or what came is no measurement. What
the station says of itself (states, events) and whether the centre was listening decide the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class GapCause(StrEnum):
    """Why readings do not count."""

    LINK = "link"
    """The station could not send, and what it measured is lost or still on its way."""
    POWER = "power"
    """The station, or its agent, was off."""
    CALIBRATION = "calibration"
    MAINTENANCE = "maintenance"
    OUT_OF_SERVICE = "out_of_service"
    """A person had taken the channel, its device or the station out of service."""
    FAULT = "fault"
    """An instrument, its line or the station's memory failed."""
    TEST = "test"
    """What came failed a quality test, or a person failed it."""
    CENTRE = "centre"
    """The centre was not listening."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EventNote:
    """What a station reported of itself."""

    time: datetime
    kind: str
    """Such as `restart`, `mains`, `device_lost`."""
    device: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class ReadingGap:
    """A stretch of a channel, after < t <= until, of one kind."""

    channel: str
    device: str | None
    """That measures it."""
    kind: str
    """`absent`: no reading at all; `test`: failed by a test or person; else the state of its readings."""
    after: datetime
    until: datetime
    readings: int
    """How many readings are missing or do not count."""

    def share_within(self, begin: datetime, end: datetime) -> float:
        """Return the share of its readings that were due between two times, both exclusive: the last one at `until`."""
        width = (self.until - self.after) / self.readings
        first, last = (begin - self.after) // width + 1, -((self.after - end) // width) - 1
        return max(0, min(last, self.readings) - max(first, 1) + 1) / self.readings


@dataclass(frozen=True, slots=True)
class OutOfService:
    """A stretch for which a person took a station, or some of its channels, out of service."""

    begin: datetime
    end: datetime
    channels: frozenset[str] | None = None
    """Such as st-my-thanh/do; None: the whole station."""

    def explains(self, gap: ReadingGap) -> bool:
        """Tell whether most of a gap's readings were due meanwhile."""
        is_of_it = self.channels is None or gap.channel in self.channels
        return is_of_it and gap.share_within(self.begin, self.end) >= MOST


@dataclass(frozen=True, slots=True)
class ExplainedGap:
    """A gap, its cause, and the event that says so."""

    gap: ReadingGap
    cause: GapCause
    event: EventNote | None = None
    """None: the state alone says so, or nothing does."""


OF_STATE: Final = {"cal": GapCause.CALIBRATION, "maint": GapCause.MAINTENANCE, "test": GapCause.TEST}
"""Kinds of gaps that need no event."""
UNPOWERED: Final = frozenset({"absent", "comm", "fault", "warmup"})
"""Kinds of gaps that a power cut makes."""
MAINS_OUT: Final = "off"
"""How a `mains` event begins when the power fails."""
LOST_ON_THE_WAY: Final = frozenset({"messages_dropped", "messages_refused"})
"""Events that name messages which the station gave up while it could not send."""
BROKEN_MEMORY: Final = frozenset({"records_lost", "spool_damaged", "spool_unwritable"})
"""Events that name readings which the station could not keep."""
BROKEN_LINE: Final = frozenset({"device_lost", "bus_lost", "bus_reopened", "device_slow"})
BESIDE: Final = timedelta(minutes=10)
"""An event so near to a gap belongs to it: a device is given up after some misses, an agent starts within minutes."""

MOST: Final = 0.8
"""A stretch explains a gap if so many of its readings were due in it: messages carry several slots, clocks differ."""


def explain(
    gaps: Iterable[ReadingGap],
    events: Sequence[EventNote],
    silent: Sequence[tuple[datetime, datetime]],
    deaf: Sequence[tuple[datetime, datetime]],
    out_of_service: Sequence[OutOfService] = (),
) -> list[ExplainedGap]:
    """Return each gap with its cause.

    Args:
        gaps: of one station.
        events: of the station, in order of time, from a day before the gaps.
        silent: stretches between two readings of the station, of whichever channels, in which none came.
        deaf: stretches in which the centre was not listening, by its own record.
        out_of_service: stretches of the station or its channels.
    """
    return [
        ExplainedGap(gap, GapCause.OUT_OF_SERVICE)
        if gap.kind not in OF_STATE and any(one.explains(gap) for one in out_of_service)
        else _explain(gap, events, silent, deaf)
        for gap in gaps
    ]


def _explain(
    gap: ReadingGap, events: Sequence[EventNote], silent: Sequence[tuple[datetime, datetime]],
    deaf: Sequence[tuple[datetime, datetime]],
) -> ExplainedGap:  # fmt: skip
    if (known := OF_STATE.get(gap.kind)) is not None:
        word = "calibration" if known is GapCause.CALIBRATION else "maintenance"
        return ExplainedGap(gap, known, _last(events, gap, {word}) if known is not GapCause.TEST else None)
    if gap.kind in UNPOWERED:
        if (mains := _mains_out(events, gap)) is not None:
            return ExplainedGap(gap, GapCause.POWER, mains)
        if gap.kind != "comm" and (restart := _last(events, gap, {"restart"})) is not None:
            return ExplainedGap(gap, GapCause.POWER, restart)
    if gap.kind == "absent":
        return _explain_absent(gap, events, silent, deaf)
    return ExplainedGap(gap, GapCause.FAULT, _last(events, gap, BROKEN_LINE))


def _explain_absent(
    gap: ReadingGap, events: Sequence[EventNote], silent: Sequence[tuple[datetime, datetime]],
    deaf: Sequence[tuple[datetime, datetime]],
) -> ExplainedGap:  # fmt: skip
    if (broken := _last(events, gap, BROKEN_MEMORY)) is not None:
        return ExplainedGap(gap, GapCause.FAULT, broken)
    if (dropped := _last(events, gap, LOST_ON_THE_WAY)) is not None:
        return ExplainedGap(gap, GapCause.LINK, dropped)
    if any(gap.share_within(*stretch) >= MOST for stretch in deaf):
        return ExplainedGap(gap, GapCause.CENTRE)
    if any(gap.share_within(*stretch) >= MOST for stretch in silent):
        return ExplainedGap(gap, GapCause.LINK)
    return ExplainedGap(gap, GapCause.UNKNOWN)


def _last(events: Sequence[EventNote], gap: ReadingGap, kinds: Iterable[str]) -> EventNote | None:
    """Return the newest event of some kinds in or beside a gap that speaks of its device or of the whole station."""
    wanted = frozenset(kinds)
    near = [
        event
        for event in events
        if event.kind in wanted
        and gap.after - BESIDE <= event.time <= gap.until + BESIDE
        and event.device in (None, gap.device)
    ]
    return near[-1] if near else None


def _mains_out(events: Sequence[EventNote], gap: ReadingGap) -> EventNote | None:
    """Return the event with which the mains failed, where they were out as the gap began or failed just then."""
    turns = [event for event in events if event.kind == "mains" and event.time <= gap.after + BESIDE]
    return turns[-1] if turns and turns[-1].detail.startswith(MAINS_OUT) else None
