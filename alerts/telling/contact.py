"""A contact as messages see it: addresses, groups, wishes; and the media that reach it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Final, NamedTuple

from quantrac.config.notifications import Medium
from quantrac.telemetry.severity import Severity

MEDIA: Final = tuple(Medium)


@dataclass(frozen=True, slots=True)
class Addressee:
    """A contact that may be told, and what the person wants to hear. Empty and None: no limit."""

    contact_id: int
    name: str
    language: str
    """`vi` or `en`."""
    phone: str | None
    """E.164, e.g. +84912345678."""
    email: str | None
    groups: frozenset[str]
    stations: frozenset[str] = frozenset()
    """Alarms of these stations."""
    webhook: str | None = None
    apprise: str | None = None
    tags: frozenset[str] = frozenset()
    """Alarms of stations with one of these: areas, species."""
    parameters: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    severity: Severity | None = None
    quiet: tuple[time, time] | None = None
    """The own quiet hours, in place of those of the groups."""
    wake: Severity | None = None
    """The least severity that goes through them."""
    cap: int | None = None
    consent: str | None = None
    """`given`, `refused`; None: not recorded."""
    accented: bool = False
    """Short messages with diacritics."""

    def address(self, medium: Medium) -> str | None:
        """Return where a medium reaches the contact; None: nowhere."""
        return {
            Medium.SMS: self.phone,
            Medium.EMAIL: self.email,
            Medium.WEBHOOK: self.webhook,
            Medium.APPRISE: self.apprise,
        }[medium]


class Recipient(NamedTuple):
    """One contact by one medium."""

    contact: Addressee
    medium: Medium

    @property
    def key(self) -> tuple[int, Medium]:
        """The number of the contact, and the medium."""
        return self.contact.contact_id, self.medium
