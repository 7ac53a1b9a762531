"""Routes, rosters, quiet hours and holds, as network.yaml sets them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from alerts.telling.contact import MEDIA, Addressee
from quantrac.config.network import Network
from quantrac.config.notifications import (
    Cap,
    Duty,
    EscalationStep,
    Flapping,
    Grouping,
    Medium,
    QuietHours,
    Repeat,
    Route,
    Storm,
)
from quantrac.telemetry.severity import Severity

NIGHT: Final = time(21, 0), time(6, 0)
"""Quiet hours where the network names none."""
WEEK: Final = timedelta(days=7)

Hours = tuple[time, time]
"""Local times from and until; the first later than the second: over midnight."""


@dataclass(frozen=True, slots=True)
class Call:
    """One time at which people are told of an alarm that nobody has acknowledged."""

    at: datetime
    step: EscalationStep | None
    """Whom the step names; None: whoever was told before."""


@dataclass(frozen=True)
class Routing:
    """What the network says about telling people."""

    routes: tuple[Route, ...]
    quiet_hours: QuietHours | None
    zone: ZoneInfo
    storm: Storm = field(default_factory=Storm)
    breakthrough: frozenset[Severity] = frozenset()
    duty: Mapping[str, Duty] = field(default_factory=dict)
    escalation: tuple[EscalationStep, ...] = ()
    repeat: Repeat | None = None
    grouping: Grouping | None = None
    cap: Cap | None = None
    flapping: Flapping = field(default_factory=Flapping)
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Tags of each station."""
    consent_required: bool = False
    centre: frozenset[str] = frozenset()
    """Groups of the people of the centre."""
    phone: str | None = None
    """Where people call the centre."""

    @classmethod
    def of(cls, network: Network) -> Routing:
        """Return the routing of a network."""
        says = network.settings
        return cls(
            routes=network.settings.routes,
            quiet_hours=says.quiet_hours,
            zone=network.zone,
            storm=says.storm,
            breakthrough=frozenset(says.breakthrough),
            duty=says.duty,
            escalation=says.escalation,
            repeat=says.repeat,
            grouping=says.grouping,
            cap=says.cap,
            flapping=says.flapping,
            tags={name: frozenset(station.tags) for name, station in network.stations.items()},
            consent_required=says.consent_required,
            centre=frozenset(says.centre),
            phone=says.telephone,
        )

    def ways(
        self, groups: Collection[str], severity: Severity, by: Iterable[str] | None = None
    ) -> list[tuple[Medium, tuple[str, ...]]]:
        """Return the media by which groups are told of a severity, each with the groups that bring it.

        `by`: these media for all the groups, in place of what the routes say.
        """
        if by is not None:
            return [(medium, tuple(sorted(groups))) for medium in MEDIA if medium in tuple(by)]
        own = [route for route in self.routes if route.to in groups and severity in route.severity]
        found = [(medium, tuple(route.to for route in own if medium in route.by)) for medium in MEDIA]
        return [(medium, via) for medium, via in found if via]

    def wants_the_end(self, contact: Addressee, medium: Medium, severity: Severity) -> bool:
        """Whether a person who got messages about an alarm of a severity also gets the one that it is over.

        A person whom only escalation called gets it: no route of theirs says otherwise.
        """
        own = [
            route.cleared
            for route in self.routes
            if route.to in contact.groups and medium in route.by and severity in route.severity
        ]
        return any(own) or not own

    def calls(self, severity: Severity, since: datetime) -> list[Call]:
        """Return the calls of an alarm that nobody acknowledges from `since` on, in order."""
        found = [
            Call(since + timedelta(milliseconds=step.after_ms), step)
            for step in self.escalation
            if severity in step.severity
        ]
        if self.repeat is not None and severity in self.repeat.severity:
            every = timedelta(milliseconds=self.repeat.every_ms)
            found += [Call(since + every * count, None) for count in range(1, self.repeat.most + 1)]
        return sorted(found, key=lambda call: call.at)

    @cached_property
    def night(self) -> Hours:
        """Hours in which nobody is woken for what can wait until the morning."""
        quiet = self.quiet_hours
        return NIGHT if quiet is None else (time.fromisoformat(quiet.start), time.fromisoformat(quiet.end))

    def hours_of(self, contact: Addressee) -> Hours | None:
        """Return the quiet hours of a contact: those of the network where all its groups are quiet; shifts are none."""
        if self.quiet_hours is None or not contact.groups - self._shifts <= self._quiet_groups:
            return None
        return self.night

    @cached_property
    def _quiet_groups(self) -> frozenset[str]:
        return frozenset(() if self.quiet_hours is None else self.quiet_hours.groups)

    @cached_property
    def _shifts(self) -> frozenset[str]:
        return frozenset(shift for duty in self.duty.values() for shift in duty.shifts)


def shift_on_duty(duty: Duty, now: datetime, zone: ZoneInfo) -> str:
    """Return the shift that has the week: the next of the list each week, unless weeks were swapped.

    Weeks begin on the weekday of `from`.
    """
    start = datetime.combine(duty.first, time.fromisoformat(duty.at))
    weeks = (now.astimezone(zone).replace(tzinfo=None) - start) // WEEK
    swapped = duty.swaps.get((duty.first + weeks * WEEK).isoformat())
    return swapped or duty.shifts[weeks % len(duty.shifts)]


def has_duty(duty: Duty, groups: Collection[str], now: datetime, zone: ZoneInfo) -> bool:
    """Whether a member of the rostered group is on duty; who is in no shift always is."""
    own = set(duty.shifts) & set(groups)
    return not own or shift_on_duty(duty, now, zone) in own


def end_of_quiet(now: datetime, hours: Hours, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours that hold now end; None outside them."""
    start, end = hours
    clock = now.astimezone(zone).time()
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    return next_clock(now, end, zone) if inside else None


def next_clock(now: datetime, clock: time, zone: ZoneInfo) -> datetime:
    """Return the next time, later than now, at which clocks show this."""
    local = now.astimezone(zone)
    day = local.date() if local.time() < clock else local.date() + timedelta(days=1)
    return datetime.combine(day, clock, zone)
