"""Who is told, by which way and when: contacts by their wishes, routes by severity, duty, quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from alerts.rules.rule import Severity
from alerts.telling.contact import MEDIA, Addressee, Medium, Recipient
from alerts.telling.duty import has_duty, shift_on_duty
from alerts.telling.holding import Hold, Told, end_of_quiet, hold_by_cap, hold_by_grouping, hold_by_storm
from quantrac.config.network import Network
from quantrac.config.telling import Cap, Duty, Flapping, Grouping, QuietHours, Repeat, Route, Step, Storm

NIGHT: Final = time(21, 0), time(6, 0)
"""Where the network names no quiet hours."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether a person is told by a medium, and why or why not."""

    contact: Addressee
    medium: Medium
    is_told: bool
    why: str


@dataclass(frozen=True, slots=True)
class Matter:
    """What people may be told of."""

    station: str
    severity: Severity
    groups: frozenset[str]
    parameter: str | None = None
    """None: the station as a whole."""
    at: datetime | None = None
    """None: whoever has the duty."""
    by_day: bool = False
    """It can wait for the morning."""


@dataclass(frozen=True, slots=True)
class Routing:
    """What the network says about telling people."""

    routes: tuple[Route, ...]
    quiet_hours: QuietHours | None
    zone: ZoneInfo
    storm: Storm = field(default_factory=Storm)
    breakthrough: frozenset[Severity] = frozenset()
    duty: Mapping[str, Duty] = field(default_factory=dict)
    escalation: tuple[Step, ...] = ()
    repeat: Repeat | None = None
    grouping: Grouping | None = None
    cap: Cap | None = None
    flapping: Flapping = field(default_factory=Flapping)
    tags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Tags of each station."""
    consent_required: bool = False

    @classmethod
    def of(cls, network: Network) -> Routing:
        """Return the routing of a network."""
        says = network.settings
        return cls(
            routes=network.routes,
            quiet_hours=says.quiet_hours,
            zone=network.zone,
            storm=says.storm,
            breakthrough=frozenset(Severity.from_word(word) for word in says.breakthrough),
            duty=says.duty,
            escalation=says.escalation,
            repeat=says.repeat,
            grouping=says.grouping,
            cap=says.cap,
            flapping=says.flapping,
            tags={name: frozenset(station.tags) for name, station in network.stations.items()},
            consent_required=says.consent_required,
        )

    def recipients(
        self,
        contacts: Iterable[Addressee],
        *,
        station: str,
        severity: Severity,
        groups: Iterable[str],
        parameter: str | None = None,
        at: datetime | None = None,
    ) -> list[Recipient]:
        """Return who is told of an alarm: each person once a medium, however many groups and routes name them."""
        matter = Matter(station, severity, frozenset(groups), parameter, at)
        return [Recipient(one.contact, one.medium) for one in self.judge(contacts, matter) if one.is_told]

    def judge(self, contacts: Iterable[Addressee], matter: Matter, by: Iterable[str] | None = None) -> Iterator[Ruling]:
        """Say of everybody in the groups of a matter, medium by medium, whether they are told and why.

        `by`: these media for all the groups, in place of what the routes say.
        """
        people = [c for c in sorted(contacts, key=lambda contact: contact.contact_id) if c.groups & matter.groups]
        rostered = {name: duty for name, duty in self.duty.items() if self._is_manned(duty, name, people, matter)}
        for contact in people:
            ways = self._ways(contact, matter, by)
            refused = self._refusal(contact, matter)
            for medium in MEDIA:
                if medium.value in ways:
                    why = refused or self._cannot(contact, medium, ways[medium.value], rostered, matter)
                    told = f"{ways[medium.value][0]} by {medium.value}"
                    yield Ruling(contact, medium, why is None, why or told)

    def wants_the_end(self, contact: Addressee, medium: Medium, severity: Severity) -> bool:
        """Whether somebody who was told of an alarm that reached a severity is also told that it is over.

        Who was only called by escalation has no route that could say otherwise, and is told.
        """
        own = [
            route.cleared
            for route in self.routes
            if route.to in contact.groups and medium in route.by and severity.word in route.severity
        ]
        return any(own) or not own

    def hold(
        self,
        recipient: Recipient,
        severity: Severity,
        told: Told,
        now: datetime,
        *,
        breaks: bool,
        is_end: bool = False,
        by_day: bool = False,
    ) -> Hold | None:
        """Return what holds a message back, None: it goes now.

        What breaks through (a level with `breaks_quiet_hours`, a severity of `breakthrough`) is held by a storm only.
        """
        until = self.not_before(recipient, now, breaks_quiet_hours=breaks, severity=severity, by_day=by_day)
        if until > now:
            return Hold("quiet hours", until)
        if (storm := hold_by_storm(self.storm, told, now)) is not None:
            return storm
        if breaks or severity in self.breakthrough:
            return None
        cap = self.cap if self.cap is not None and recipient.medium.value in self.cap.by else None
        capped = hold_by_cap(cap, recipient.contact.wishes.cap, told, now, self.zone)
        return capped or (None if is_end else hold_by_grouping(self.grouping, told, now))

    def not_before(
        self,
        recipient: Recipient,
        now: datetime,
        *,
        breaks_quiet_hours: bool,
        severity: Severity | None = None,
        by_day: bool = False,
    ) -> datetime:
        """Return when a message may go: now, or at the end of the person's or of all the person's groups' quiet hours.

        Quiet hours are about what rings: a mail is never held. What can wait for the morning (`by_day`) keeps the hours
        of the network for every group, and goes through nobody's.
        """
        if by_day and recipient.medium is Medium.SMS:
            night = recipient.contact.wishes.quiet or self._night()
            return end_of_quiet(now, *night, self.zone) or now
        if breaks_quiet_hours or severity in self.breakthrough or recipient.medium is not Medium.SMS:
            return now
        wishes = recipient.contact.wishes
        if wishes.wake is not None and severity is not None and severity >= wishes.wake:
            return now
        hours = wishes.quiet or self._quiet_of(recipient.contact)
        return now if hours is None else end_of_quiet(now, *hours, self.zone) or now

    def _night(self) -> tuple[time, time]:
        """Return the hours in which nobody is woken for what can wait."""
        quiet = self.quiet_hours
        return NIGHT if quiet is None else (time.fromisoformat(quiet.start), time.fromisoformat(quiet.end))

    def _quiet_of(self, contact: Addressee) -> tuple[time, time] | None:
        quiet = self.quiet_hours
        if quiet is None or not contact.groups - self._shifts() <= set(quiet.groups):
            return None
        return time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)

    def _shifts(self) -> set[str]:
        return {shift for duty in self.duty.values() for shift in duty.shifts}

    def _ways(self, contact: Addressee, matter: Matter, by: Iterable[str] | None) -> dict[str, list[str]]:
        """Return the groups that bring a person to each medium."""
        ways: dict[str, list[str]] = {}
        own = contact.groups & matter.groups
        if by is not None:
            return {medium: sorted(own) for medium in by}
        for route in self.routes:
            if route.to in own and matter.severity.word in route.severity:
                for medium in route.by:
                    ways.setdefault(medium, []).append(route.to)
        return ways

    def _refusal(self, contact: Addressee, matter: Matter) -> str | None:
        """Return why a person does not want to hear of a matter at all."""
        wishes = contact.wishes
        if contact.stations and matter.station not in contact.stations:
            return "other stations only"
        if wishes.tags and not wishes.tags & self.tags.get(matter.station, frozenset()):
            return "stations with other tags only"
        if wishes.parameters and matter.parameter is not None and matter.parameter not in wishes.parameters:
            return "other parameters only"
        if wishes.severity is not None and matter.severity < wishes.severity:
            return f"wants {wishes.severity.word} and worse only"
        if wishes.consent == "refused" or (self.consent_required and wishes.consent is None):
            return f"consent {wishes.consent or 'not recorded'}"
        return None

    def _cannot(
        self, contact: Addressee, medium: Medium, via: list[str], rostered: Mapping[str, Duty], matter: Matter
    ) -> str | None:
        if contact.wishes.media and medium.value not in contact.wishes.media:
            return f"does not want {medium.value}"
        if contact.address(medium) is None:
            return f"no address for {medium.value}, or said STOP"
        if matter.at is None:
            return None
        off = [name for name in via if not self._on_duty(rostered.get(name), contact, medium, matter.at)]
        if len(off) < len(via):
            return None
        return f"not on duty: {shift_on_duty(rostered[off[0]], matter.at, self.zone)} has the week"

    def _on_duty(self, duty: Duty | None, contact: Addressee, medium: Medium, at: datetime) -> bool:
        return duty is None or medium.value not in duty.by or has_duty(duty, contact.groups, at, self.zone)

    def _is_manned(self, duty: Duty, group: str, people: Iterable[Addressee], matter: Matter) -> bool:
        """Whether anybody has the duty who would hear of the matter; else everybody of the group is told."""
        return matter.at is not None and any(
            group in contact.groups
            and has_duty(duty, contact.groups, matter.at, self.zone)
            and self._refusal(contact, matter) is None
            and any(contact.address(Medium(word)) is not None for word in duty.by)
            for contact in people
        )
