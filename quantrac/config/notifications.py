"""Messages to people (`network.yaml`): routes, duty, quiet hours, holds, reminders, registered templates."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from quantrac.config.fields import (
    Day,
    Duration,
    Flag,
    Kebab,
    Model,
    PositiveDuration,
    Real,
    SeverityWord,
    TimeOfDay,
    parse_day,
    refused,
)

FACTS: Final = (
    "station", "channel", "title", "level", "time", "value", "limit", "unit", "trend", "response", "alarm",
)  # fmt: skip
"""What may fill a placeholder: the same words that `sms:` of a rule may use, the advice, and the alarm's number."""
Carrier = Literal["zns", "esms", "speedsms"]
Purpose = Literal[
    "raised",
    "level",
    "cleared",
    "withdrawn",
    "questioned",
    "flapping",
    "escalated",
    "repeated",
    "late",
    "summary",
    "bulletin",
]


class Medium(StrEnum):
    """How a message reaches a person."""

    SMS = "sms"
    EMAIL = "email"
    WEBHOOK = "webhook"
    """A program that takes signed JSON."""
    APPRISE = "apprise"
    """Any service that Apprise knows."""


class Route(Model):
    """A route: by which media a group gets alarms of some severities. Routes add up; no medium is used twice."""

    to: Kebab
    severity: tuple[SeverityWord, ...] = Field(min_length=1)
    by: tuple[Medium, ...] = Field(min_length=1)
    cleared: Flag = True
    """Also tell that it is over."""


class QuietHours(Model):
    """Local time in which a group is not woken, except by levels with `breaks_quiet_hours`."""

    start: TimeOfDay = Field(alias="from")
    end: TimeOfDay = Field(alias="to")
    groups: tuple[Kebab, ...] = Field(min_length=1)


class Duty(Model):
    """A duty roster: by some media only the shift of the week gets a group's messages. A shift is a group too."""

    first: Day = Field(alias="from")
    """The day on which the first shift of the list begins."""
    at: TimeOfDay = "07:00"
    """Local time of the hand-over on that weekday."""
    shifts: tuple[Kebab, ...] = Field(min_length=2)
    """Week by week, then from the beginning."""
    by: tuple[Medium, ...] = (Medium.SMS,)
    """Media by which only the shift on duty gets messages."""
    swaps: dict[str, Kebab] = Field(default_factory=dict)
    """Other shifts for some weeks, by the day on which the week begins."""

    @model_validator(mode="after")
    def _weeks(self) -> Duty:
        for day in self.swaps:
            if (parse_day(day) - self.first).days % 7:
                raise refused(f"in `swaps` days on which a week begins, such as weeks after {self.first}; not {day}")
        return self


class EscalationStep(Model):
    """A step of escalation: who else gets an alarm that nobody has acknowledged for so long."""

    after_ms: PositiveDuration = Field(alias="after")
    severity: tuple[SeverityWord, ...] = Field(min_length=1)
    to: tuple[Kebab, ...] = Field(min_length=1)
    by: tuple[Medium, ...] = Field(min_length=1)


class Repeat(Model):
    """Repeats the message of an alarm while it stands and nobody has acknowledged it."""

    every_ms: PositiveDuration = Field(alias="every", ge=60_000)
    severity: tuple[SeverityWord, ...] = Field(min_length=1)
    most: Annotated[int, Field(ge=1, le=100)] = 3


class Grouping(Model):
    """Alarms of one station that come one after the other go to a person in one message."""

    wait_ms: Duration = Field(default=0, alias="wait")
    """How long the first one waits for others."""
    interval_ms: PositiveDuration = Field(default=300_000, alias="interval")
    """How long after a message about a station the next one may come."""


class Cap(Model):
    """How many messages a person gets; what is more is held for a digest."""

    messages: Annotated[int, Field(ge=1)]
    within_ms: PositiveDuration = Field(default=86_400_000, alias="within", le=7 * 86_400_000)
    digest: TimeOfDay = "07:00"
    """Local time of the digest."""
    by: tuple[Medium, ...] = (Medium.SMS,)


class Storm(Model):
    """When so much happens at once that a person gets a summary in place of a message each."""

    alarms: Annotated[int, Field(ge=1)] = 2
    """Alarms of different rules or channels that are told one by one, to a person by a medium."""
    within_ms: PositiveDuration = Field(default=600_000, alias="within")
    """In so much time."""
    wait_ms: PositiveDuration = Field(default=15_000, alias="wait")
    """How long further ones are gathered before the summary."""
    again_ms: PositiveDuration = Field(default=300_000, alias="again")
    """How long after a summary the next one may come."""


class Flapping(Model):
    """When an alarm that comes and goes makes one message in place of one each time."""

    window_ms: PositiveDuration = Field(default=7_200_000, alias="window", le=7 * 86_400_000)
    """The changes that are looked at; divided into `bins`."""
    bins: Annotated[int, Field(ge=5, le=100)] = 20
    begin: Real = Field(default=30, gt=0, lt=100)
    """Flapping begins above this share of bins with a change, percent; newer bins weigh more."""
    end: Real = Field(default=25, gt=0, lt=100)
    """It ends below this one."""

    @model_validator(mode="after")
    def _hysteresis(self) -> Flapping:
        if self.end >= self.begin:
            raise refused("an `end` less than `begin`")
        return self


class Placeholder(Model):
    """What of ours fills a placeholder of theirs."""

    of: str
    most: int | None = Field(default=None, ge=1, le=400)
    """Characters that were registered at the most; longer words are cut, numbers and times never."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.of not in FACTS:
            raise refused(f"one of {', '.join(FACTS)}")
        return self


def _short(value: Any) -> Any:
    return {"of": value} if isinstance(value, str) else value


class MessageTemplate(Model):
    """One registered message: an `id` where the provider writes the text, a `text` where it compares ours."""

    id: str | None = None
    text: str | None = None
    language: Literal["vi", "en"] = "vi"
    placeholders: dict[str, Annotated[Placeholder, BeforeValidator(_short)]] = Field(default_factory=dict)


Templates = Mapping[str, Mapping[str, MessageTemplate]]
"""Carrier → purpose → what is registered."""
