"""A change of an alarm: what it is about, which level it reaches, why people get a message. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from alerts.rules.rule import RuleTexts
from quantrac.config.rules import Side
from quantrac.telemetry.severity import Severity


class EndCause(StrEnum):
    """What ends an alarm whose readings have not returned to normal; the word of the history for it."""

    LIMIT_CHANGED = "the limit was changed"
    """Past the new clear limit, not past the one that people were told of; or not for as long."""
    LEVEL_REMOVED = "the level was removed"
    TERM_CHANGED = "the time limit was changed"
    """A watchdog, or a calibration, now has longer."""
    STATION_SILENT = "the station is silent"
    """Nothing more is heard of what was wrong; its silence has an alarm of its own."""
    MEASURE_CHANGED = "the rule compares something else"
    NOT_IN_FORCE = "the limits are not in force now"
    """Months, hours or tide of the rule are over."""
    RULE_REMOVED = "the rule was removed"
    UNWATCHED = "the rule no longer watches this place"
    STATION_INACTIVE = "the station is not in use any more"
    CHANNEL_INACTIVE = "the channel is not in use any more"
    NOT_ASKED_FOR = "network.yaml asks for it no more"

    @property
    def is_of_the_rule(self) -> bool:
        """Whether the rule goes on watching the subject."""
        return self in OF_THE_RULE


OF_THE_RULE: Final = frozenset(
    {EndCause.LIMIT_CHANGED, EndCause.LEVEL_REMOVED, EndCause.MEASURE_CHANGED, EndCause.NOT_IN_FORCE}
)


class WhyUntold(StrEnum):
    """Why nobody is told of an alarm of the past; the word of the history for it."""

    OUT_OF_SERVICE = "out of service then"
    SHELVED = "shelved"
    LONG_AGO = "too long ago to tell anybody"
    NOBODY = "nobody to tell"
    """No contact is to get it; who and why follows."""


class Purpose(StrEnum):
    """Why a message is sent."""

    RAISED = "raised"
    LEVEL = "level"
    """The alarm stands at a more severe level than the one told before."""
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    """The alarm ends, and not because its readings have returned to normal."""
    QUESTIONED = "questioned"
    """Readings that raised the alarm are in doubt since."""
    LATE = "late"
    """Alarms of the past that late readings brought to light."""
    ESCALATED = "escalated"
    """Nobody has acknowledged the alarm: others get a message."""
    REPEATED = "repeated"
    """Nobody has acknowledged the alarm: everybody who got a message gets another one."""
    FLAPPING = "flapping"
    """It comes and goes: told once in place of each time."""
    SUMMARY = "summary"
    """Many alarms at once."""
    BULLETIN = "bulletin"
    """No alarm: a bulletin that a person has approved."""
    TEST = "test"
    """No alarm: a person tries whether messages arrive."""

    @property
    def is_end(self) -> bool:
        """Whether nothing more follows about the alarm."""
        return self in ENDS


ENDS: Final = frozenset({Purpose.CLEARED, Purpose.WITHDRAWN})
AFTERWARDS: Final = ENDS | {Purpose.QUESTIONED}
"""News for everybody who got an earlier message about the alarm."""
OPENINGS: Final = frozenset({Purpose.RAISED, Purpose.LEVEL})
"""News that an alarm stands, and how bad it is."""
CALLS: Final = frozenset({Purpose.ESCALATED, Purpose.REPEATED})
"""Calls for somebody to acknowledge."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alarm is about; at most one alarm of a subject stands."""

    rule: str
    station: str | None
    """None: the centre itself."""
    channel_id: int | None
    """None: the station as a whole."""
    story: str | None = None
    """What the channel measures, where others that measure it tell of the same: then it is one story of all."""

    @property
    def key(self) -> str:
        """The subject as one word, as in the column `subject`."""
        place = self.channel_id if self.story is None else self.story
        return f"{self.rule} {self.station or ''} {'' if place is None else place}"


@dataclass(frozen=True, slots=True)
class Mark:
    """The level that an alarm reaches, and the value that took it there."""

    level: str
    severity: Severity
    value: float | None = None
    limit: float | None = None
    after_ms: int | None = None
    """Of a watchdog: how long it waits before it raises; its end is judged by what it was then."""
    is_lull: bool = False
    """It is well at present, and what comes within the lull is one of the same alarm."""
    lull: timedelta | None = None
    """Of a rule whose alarms have lulls: a level that was told so long ago is told again."""
    side: Side | None = None
    """Of such a rule: trouble on the other side is not that which people were told of."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A change that now stands in the history; `severity` is the level's, at the end the worst that was reached."""

    purpose: Purpose
    alarm_id: int
    alarm_event_id: int
    time: datetime
    raised_at: datetime
    severity: Severity
    is_news: bool
    """A level more severe, or a kind of trouble other, than any that this alarm has reached (cleared: False)."""
    texts: RuleTexts
    is_worse: bool = False
    """A level more severe than any before."""
    is_again: bool = False
    """A level reached before and left: told anew only if it was withheld, but people are waited for again."""
    cause: EndCause | None = None
    """What ends it (withdrawn)."""


@dataclass(frozen=True, slots=True)
class OnRecord:
    """The measurement as an alarm's row records it."""

    channel: str = ""
    """Empty: the station or the centre as a whole."""
    parameter: str | None = None
    value: float | None = None
    limit: float | None = None
    present: float | None = None
    """Its newest good reading since it rose."""
    present_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Untold:
    """A change that people must be told of later than it came: withheld, not acknowledged, flapping until now."""

    change: Recorded
    station: str | None
    to: tuple[str, ...] = ()
    """Groups; none: whoever was told before."""
    by: tuple[str, ...] | None = None
    """These media, in place of what the routes say."""
    breaks_quiet_hours: bool = False
    about: OnRecord = OnRecord()
