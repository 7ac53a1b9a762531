"""May water be taken in now? The newest values of a station against the limits of a crop. Pure.

Yes is said only where everything that was asked is known, new, unquestioned and within its limit. No needs one such
value beyond its limit. All else is "cannot say", with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Final

from quantrac.config.limits import DecreeLimit

AHEAD: Final = timedelta(minutes=5)
"""How far a station's clock may be ahead."""
SILENT_AFTER: Final = timedelta(minutes=15)
"""A station of which nothing has come for so long is silent."""
GOOD: Final = 1
SUSPECT: Final = 3
ASKED_FOR: Final = ("salinity", "do", "ph", "nh3")
"""What farmers ask for before they take in water; of what the limits of a crop do not speak, a page says so."""


class Answer(StrEnum):
    """What is said of taking in water."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Finding(StrEnum):
    """What is known of one value against its limit."""

    FINE = "fine"
    BELOW = "below"
    ABOVE = "above"
    SUSPECT = "suspect"
    """A test or the device doubts it."""
    FAILED = "failed"
    """A test or a person refused it, or the device has no value."""
    UNCHECKED = "unchecked"
    """The quality tests have not seen it yet."""
    OLD = "old"
    MISSING = "missing"
    """There never was one."""
    NO_LIMIT = "no_limit"
    """No figure of the limit is in force today."""


BEYOND: Final = frozenset({Finding.BELOW, Finding.ABOVE})


class Hindrance(StrEnum):
    """Why nothing can be said of a station, whatever its values are."""

    NONE = ""
    MAINTENANCE = "maintenance"
    SILENT = "silent"
    WARNED = "warned"
    """The values would allow it, and an alarm stands that an operator made public."""


@dataclass(frozen=True, slots=True)
class NewestValue:
    """The newest reading of a channel."""

    time: datetime
    value: float | None
    """In the catalogue's unit."""
    state: str
    """The device's word."""
    quality: int
    """QARTOD: 1 good, 2 not evaluated, 3 suspect, 4 fail, 9 missing."""
    is_reviewed: bool = False
    """A person has signed its day."""
    waiting: NewestValue | None = None
    """What came after it, and the quality tests have not seen."""


@dataclass(frozen=True, slots=True)
class JudgedValue:
    """A channel, its newest reading and what it means."""

    channel: str
    parameter: str
    limit: DecreeLimit | None
    newest: NewestValue | None
    finding: Finding


@dataclass(frozen=True, slots=True)
class IntakeAnswer:
    """The answer for one crop at one station."""

    answer: Answer
    hindrance: Hindrance
    values: tuple[JudgedValue, ...]

    @property
    def reasons(self) -> tuple[JudgedValue, ...]:
        """The values that the answer rests on: those beyond their limits, else those that keep it from being yes."""
        if self.answer is Answer.NO:
            return tuple(one for one in self.values if one.finding in BEYOND)
        return tuple(one for one in self.values if one.finding is not Finding.FINE)


def judge(
    channel: str,
    parameter: str,
    newest: NewestValue | None,
    limit: DecreeLimit | None,
    now: datetime,
    oldest: timedelta,
) -> JudgedValue:
    """Return what the newest reading of a channel means at `now`; one that is older than `oldest` means nothing.

    A tested reading within its limit says nothing any more where one that came after it, not tested yet, is beyond it.
    """
    finding = _finding(newest, limit, now, oldest)
    after = newest.waiting if newest is not None and finding is Finding.FINE else None
    if after is not None and not _is_within(after.value, limit):
        return JudgedValue(channel, parameter, limit, after, Finding.UNCHECKED)
    return JudgedValue(channel, parameter, limit, newest, finding)


def _is_within(value: float | None, limit: DecreeLimit | None) -> bool:
    return value is not None and isfinite(value) and _against(value, limit) is Finding.FINE


def _finding(newest: NewestValue | None, limit: DecreeLimit | None, now: datetime, oldest: timedelta) -> Finding:
    if newest is None:
        return Finding.MISSING
    if not -AHEAD <= now - newest.time <= oldest:
        return Finding.OLD
    if newest.value is None or not isfinite(newest.value):
        return Finding.FAILED
    doubt = _doubt(newest)
    return _against(newest.value, limit) if doubt is None else doubt


def _doubt(newest: NewestValue) -> Finding | None:
    """Return what device and tests say against a value; None: nothing."""
    if newest.quality > SUSPECT or newest.state not in ("ok", "suspect"):
        return Finding.FAILED
    if newest.quality == SUSPECT or newest.state == "suspect":
        return Finding.SUSPECT
    return None if newest.quality == GOOD else Finding.UNCHECKED


def _against(value: float, limit: DecreeLimit | None) -> Finding:
    if limit is None:
        return Finding.NO_LIMIT
    if not limit.is_exceeded(value):
        return Finding.FINE
    return Finding.BELOW if limit.low is not None and value < limit.low else Finding.ABOVE


def hindrance_of(last_message_at: datetime | None, now: datetime, *, in_maintenance: bool) -> Hindrance:
    """Return why nothing can be said of a station."""
    if in_maintenance:
        return Hindrance.MAINTENANCE
    if last_message_at is None or now - last_message_at > SILENT_AFTER:
        return Hindrance.SILENT
    return Hindrance.NONE


def answer_of(values: Sequence[JudgedValue], hindrance: Hindrance, *, is_warned: bool = False) -> IntakeAnswer:
    """Return the answer that values and the state of their station allow; while people are warned it is never yes."""
    if hindrance is not Hindrance.NONE or not values:
        answer = Answer.UNKNOWN
    elif any(one.finding in BEYOND for one in values):
        answer = Answer.NO
    else:
        answer = Answer.YES if all(one.finding is Finding.FINE for one in values) else Answer.UNKNOWN
    if answer is Answer.YES and is_warned:
        answer, hindrance = Answer.UNKNOWN, Hindrance.WARNED
    return IntakeAnswer(answer, hindrance, tuple(values))
