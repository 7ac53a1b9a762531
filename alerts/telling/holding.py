"""What holds a message back, and until when: a storm, quiet hours, a cap, grouping. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from quantrac.config.telling import Cap, Grouping, Storm


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a message waits for others, and the time at which what waits is told."""

    reason: str
    """`storm`, `grouping`, `cap` or `quiet hours`."""
    until: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What a person has been told of late by a medium."""

    others: int = 0
    """Other alarms within the storm's window."""
    station_at: datetime | None = None
    """The last message about the station."""
    messages: int = 0
    """Messages within the cap's window."""
    summary_at: datetime | None = None


NOTHING_TOLD = Told()


def hold_by_storm(storm: Storm, told: Told, now: datetime) -> Hold | None:
    """Hold what comes after as many other alarms as one can take in; even what goes through everything else."""
    if told.others < storm.alarms:
        return None
    until = now + timedelta(milliseconds=storm.wait_ms)
    if told.summary_at is not None:
        until = max(until, told.summary_at + timedelta(milliseconds=storm.again_ms))
    return Hold("storm", until)


def hold_by_cap(cap: Cap | None, own: int | None, told: Told, now: datetime, zone: ZoneInfo) -> Hold | None:
    """Hold what is more than a person wants in a day until the next digest. `own`: the person's own number."""
    if cap is None or told.messages < (own or cap.messages):
        return None
    return Hold("cap", next_clock(now, time.fromisoformat(cap.digest), zone))


def hold_by_grouping(grouping: Grouping | None, told: Told, now: datetime) -> Hold | None:
    """Hold the first alarm of a station for `wait`, and further ones until `interval` after the last message."""
    if grouping is None:
        return None
    until = now + timedelta(milliseconds=grouping.wait_ms)
    if told.station_at is not None:
        until = max(until, told.station_at + timedelta(milliseconds=grouping.interval_ms))
    return Hold("grouping", until) if until > now else None


def end_of_quiet(now: datetime, start: time, end: time, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours that hold now end; None outside them. `start` > `end` spans midnight."""
    clock = now.astimezone(zone).time()
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    return next_clock(now, end, zone) if inside else None


def next_clock(now: datetime, clock: time, zone: ZoneInfo) -> datetime:
    """Return the next time, later than now, at which clocks show this."""
    local = now.astimezone(zone)
    day = local.date() if local.time() < clock else local.date() + timedelta(days=1)
    return datetime.combine(day, clock, zone)
