"""How a message is handed to whoever carries it: one Protocol, and what a hand-over may come to.

UndeliverableError
├── TryAgain      the way is blocked for now: the same message is handed over again later
├── NeedsPerson   account, settings or template are wrong: repeating changes nothing
└── Gone          this address takes no message
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from quantrac.telemetry.errors import QuantracError


class UndeliverableError(QuantracError):
    """The carrier did not take the message; the text says what it answered."""


class TryAgain(UndeliverableError):
    """Recoverable: no connection, a time-out, the carrier is busy."""


class NeedsPerson(UndeliverableError):
    """The carrier refuses what we are or say: key, balance, sender, template."""


class Gone(UndeliverableError):
    """The carrier knows that this address cannot be reached."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one person."""

    key: str
    """Idempotency key, at most 50 characters: equal for every attempt at the same message."""
    to: str
    """Phone number in E.164, or e-mail address."""
    body: str
    subject: str = ""
    thread: str = ""
    """Equal for all messages about one alarm."""


class Notifier(Protocol):
    """A carrier of one medium. Used by one thread at a time."""

    def send(self, message: Outgoing) -> str | None:
        """Hand the message over and return the carrier's reference, if it gives one.

        Returns only when the carrier has taken it. Raises UndeliverableError.
        """

    def close(self) -> None:
        """Free what it holds."""


class NotConfigured:
    """Stands where settings name no carrier: every message fails with the setting that is missing."""

    def __init__(self, setting: str) -> None:
        self._setting = setting

    def send(self, message: Outgoing) -> str | None:  # noqa: ARG002 (the Protocol's)
        """Raise NeedsPerson."""
        raise NeedsPerson(f"{self._setting} is not set: nobody can be told this way")

    def close(self) -> None:
        """Hold nothing."""
