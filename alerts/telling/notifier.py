"""Notifier, the Protocol of every carrier, and the outcomes that a hand-over may have.

UndeliverableError
├── TryAgain        the way is blocked for now: the same message is handed over again later
├── NeedsPerson     account, settings or template are wrong: repeating changes nothing
├── Gone            this address takes no message
├── NotCarried      this carrier has no form for such a message: the next one is asked, and nothing is wrong with it
└── OutcomeUnknown  the carrier may have taken it or not, and nobody can know: never repeated blindly
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from quantrac.telemetry.errors import QuantracError


class UndeliverableError(QuantracError):
    """The carrier did not take the message; the text says what it answered."""


class TryAgain(UndeliverableError):
    """Recoverable: no connection, a time-out, the carrier is busy.

    `may_have_arrived`: it was handed over and the answer is missing, so that only the same carrier, with the same key,
    may be asked again without risk of a second message.
    """

    def __init__(self, text: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(text)
        self.may_have_arrived = may_have_arrived


class NeedsPerson(UndeliverableError):
    """The carrier refuses what we are or say: key, balance, sender, template."""


class Gone(UndeliverableError):
    """The carrier knows that this address cannot be reached."""


class NotCarried(UndeliverableError):
    """This carrier has no form for such a message, such as no registered template; another may carry it."""


class OutcomeUnknown(UndeliverableError):
    """Handed over to a carrier without idempotency key, and the answer is lost for good."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one person."""

    key: str
    """Idempotency key, at most 50 characters: equal for every attempt at the same message."""
    to: str
    """Phone number in E.164, e-mail address, or the address of a service."""
    body: str
    subject: str = ""
    thread: str = ""
    """Equal for all messages about one alarm."""
    answer: str = ""
    """What a reader may answer, such as `OK 17`; a carrier that can be answered puts it under the text."""
    attempts: int = 0
    """How often it was handed over before, in vain."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the message says as data (`notice.facts_of`), for programs and registered templates; may be empty."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A message that a carrier has taken."""

    carrier: str
    reference: str | None


class Notifier(Protocol):
    """A carrier of one medium. Several threads may use it at a time."""

    @property
    def name(self) -> str:
        """The word for this carrier in `v_notification`: `esms`, `modem`, `smtp`."""

    def send(self, message: Outgoing) -> str | None:
        """Hand the message over and return the carrier's reference, if it gives one.

        Returns only when the carrier has taken it. Raises UndeliverableError.
        """

    def close(self) -> None:
        """Free what it holds."""


@runtime_checkable
class Attended(Notifier, Protocol):
    """A carrier that must be looked after between messages: what comes back, and whether it lives."""

    def attend(self) -> None:
        """Take in what has come. Raises UndeliverableError where the carrier is out of order."""


@runtime_checkable
class MayDoubt(Protocol):
    """A carrier that may not know whether it has sent a message."""

    def is_in_doubt(self, key: str) -> bool:
        """Whether a hand-over of this message was begun and never ended."""


class NotConfigured:
    """Stands where settings name no carrier: every message fails with the setting that is missing."""

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self.name = "none"

    def send(self, message: Outgoing) -> str | None:  # noqa: ARG002 (the Protocol's)
        """Raise NeedsPerson."""
        raise NeedsPerson(f"{self._setting} is not set: nobody can be told this way")

    def close(self) -> None:
        """Hold nothing."""
