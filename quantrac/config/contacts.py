"""Contacts of `network.yaml`: desks and programs that get messages, and the groups of those who are told the same."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quantrac.config.fields import Kebab, Model, SeverityWord, matching
from quantrac.config.notifications import Medium
from quantrac.config.rules import Hours
from quantrac.telemetry.words import Words

Phone = Annotated[str, matching(r"\+[1-9]\d{7,14}", 'an international number in quotes, such as "+84912345678"')]
Email = Annotated[str, matching(r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")]


class Contact(Model):
    """A person or a desk that gets messages. Real people are imported into the database and never stand in a file."""

    name: str
    language: Literal["vi", "en"] = "vi"
    email: Email | None = None
    phone: Phone | None = None
    webhook: str | None = Field(default=None, pattern=r"^https?://")
    """A program that receives signed JSON."""
    apprise: str | None = None
    """An address of any service that Apprise knows."""
    groups: tuple[Kebab, ...] = Field(min_length=1)
    stations: tuple[str, ...] = ()
    """Only alarms of these stations; empty: of all."""
    tags: tuple[str, ...] = ()
    """Only alarms of stations with one of these tags; empty: of all."""
    parameters: tuple[str, ...] = ()
    """Only alarms of these parameters; empty: of all."""
    media: tuple[Medium, ...] = ()
    """Only by these; empty: by all that the routes say."""
    severity: SeverityWord | None = None
    """Only alarms as bad as this."""
    quiet: Hours | None = None
    """The own quiet hours, in place of those of the groups."""
    wake: SeverityWord | None = None
    """The least severity that goes through them."""
    cap: Annotated[int, Field(ge=1)] | None = None
    """Short messages within a day, in place of `cap.messages`."""
    accents: bool = False
    """Short messages in Vietnamese with diacritics: two or three parts instead of one."""


class Group(Model):
    """People who are told the same things."""

    title: Words
