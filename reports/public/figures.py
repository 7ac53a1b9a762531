"""The figures of the public pages: newest values, last days' hours, what is set aside, alarms made public. Pure.

What they mean is worked out when a page is made, with the time of that moment: figures that could not be read anew grow
old, and answers with them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from reports.public.answer import NewestValue
from reports.public.tide_hours import Series


class PublicAlarm(NamedTuple):
    """An alarm that an operator let the public read."""

    alarm_id: int
    station: str
    severity: str
    raised_at: datetime
    cleared_at: datetime | None
    published_at: datetime
    ended_at: datetime | None
    """When a person took it from the public."""
    title: dict[str, str] | None
    """By language."""
    consequence: dict[str, str] | None
    response: dict[str, str] | None
    changed_at: tuple[datetime, ...]
    """When it reached another level while it was public, in order."""
    noticed_over_at: datetime | None = None
    """When its end was recorded, after `cleared_at` where readings came late; None: it stands, or nothing says it."""

    @property
    def stands(self) -> bool:
        """Whether the public is warned by it: it is neither over nor taken back."""
        return self.cleared_at is None and self.ended_at is None


@dataclass(frozen=True)
class PublicFigures:
    """What was read, and when."""

    read_at: datetime
    newest: dict[str, NewestValue] = field(default_factory=dict)
    """By channel."""
    hours: dict[str, Series] = field(default_factory=dict)
    """By channel; as far back as the tide is looked at."""
    last_message_at: dict[str, datetime | None] = field(default_factory=dict)
    """By station."""
    maintained: frozenset[str] = frozenset()
    """Stations with something in maintenance or out of service that the pages show."""
    alarms: tuple[PublicAlarm, ...] = ()
    """The newest first."""
