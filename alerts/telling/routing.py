"""Who is told and by which way: contacts by group and station, routes by severity, quiet hours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from alerts.rules.rule import Severity
from quantrac.config.network import Network, QuietHours, Route, Storm


class Medium(StrEnum):
    """How a message reaches a person."""

    SMS = "sms"
    EMAIL = "email"
    WEBHOOK = "webhook"
    """A program that is told: signed JSON."""
    APPRISE = "apprise"
    """Any service that Apprise knows."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A person who may be told."""

    contact_id: int
    name: str
    language: str
    """`vi` or `en`."""
    phone: str | None
    """E.164, e.g. +84912345678."""
    email: str | None
    groups: frozenset[str]
    stations: frozenset[str]
    """Stations this person is told about; empty: all."""
    webhook: str | None = None
    apprise: str | None = None

    def can_be_reached_by(self, medium: Medium) -> bool:
        """Whether the contact has an address for the medium."""
        return self.addresses[medium] is not None

    @property
    def addresses(self) -> dict[Medium, str | None]:
        """Where each medium reaches the contact."""
        return {
            Medium.SMS: self.phone,
            Medium.EMAIL: self.email,
            Medium.WEBHOOK: self.webhook,
            Medium.APPRISE: self.apprise,
        }


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person by one medium."""

    contact: Contact
    medium: Medium


@dataclass(frozen=True, slots=True)
class Routing:
    """What the network says about telling people."""

    routes: tuple[Route, ...]
    quiet_hours: QuietHours | None
    zone: ZoneInfo
    storm: Storm = field(default_factory=Storm)

    @classmethod
    def of(cls, network: Network) -> Routing:
        """Return the routing of a network."""
        return cls(network.routes, network.settings.quiet_hours, network.zone, network.settings.storm)

    def recipients(
        self, contacts: Iterable[Contact], *, station: str, severity: Severity, groups: Iterable[str]
    ) -> list[Recipient]:
        """Return who is told of an alarm: each person once a medium, however many groups and routes name them."""
        wanted = set(groups)
        return [
            Recipient(contact, medium)
            for contact in sorted(contacts, key=lambda contact: contact.contact_id)
            if not contact.stations or station in contact.stations
            for medium in _reachable(contact, self._media(contact.groups & wanted, severity))
        ]

    def wants_the_end(self, contact: Contact, medium: Medium, severity: Severity) -> bool:
        """Whether somebody who was told of an alarm that reached a severity is also told that it is over."""
        return any(
            route.cleared and route.to in contact.groups and medium in route.by and severity.word in route.severity
            for route in self.routes
        )

    def not_before(self, recipient: Recipient, now: datetime, *, breaks_quiet_hours: bool) -> datetime:
        """Return when a message may go: now, or at the end of the quiet hours of all the person's groups.

        Quiet hours are about what rings: a mail is never held.
        """
        quiet = self.quiet_hours
        if quiet is None or breaks_quiet_hours or recipient.medium is not Medium.SMS:
            return now
        if not recipient.contact.groups <= set(quiet.groups):
            return now
        return end_of_quiet(now, time.fromisoformat(quiet.start), time.fromisoformat(quiet.end), self.zone) or now

    def _media(self, groups: frozenset[str], severity: Severity) -> Iterator[str]:
        for route in self.routes:
            if route.to in groups and severity.word in route.severity:
                yield from route.by


def _reachable(contact: Contact, media: Iterable[str]) -> Sequence[Medium]:
    wanted = set(media)
    return [medium for medium in Medium if medium.value in wanted and contact.can_be_reached_by(medium)]


def end_of_quiet(now: datetime, start: time, end: time, zone: ZoneInfo) -> datetime | None:
    """Return when the quiet hours that hold now end; None outside them. `start` > `end` spans midnight."""
    local = now.astimezone(zone)
    clock = local.time()
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    if not inside:
        return None
    day = local.date() if clock < end else local.date() + timedelta(days=1)
    return datetime.combine(day, end, zone)
