"""A notification, one message to one person: its statuses and purposes, and their spelling in SQL. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class MessageStatus(StrEnum):
    """How far a message has come."""

    QUEUED = "queued"
    """Its hand-over is due, now or after a failed attempt."""
    HELD = "held"
    """It waits for a time."""
    SUMMARISED = "summarised"
    """Another message says what it would have said."""
    SENT = "sent"
    """A carrier has taken it."""
    DELIVERED = "delivered"
    """The person's device has it."""
    UNKNOWN = "unknown"
    """A carrier may have taken it or not, and nobody can know."""
    FAILED = "failed"
    """No carrier takes it: a person is needed. It is tried again while its alarm stands, unless the address is bad."""
    DEAD = "dead"
    """Given up: nobody needs it any more."""


def in_sql(words: Iterable[StrEnum]) -> str:
    """Return words as a list of SQL: `('queued', 'held')`."""
    return "('" + "', '".join(words) + "')"


HANDED_OVER: Final = in_sql((MessageStatus.QUEUED, MessageStatus.FAILED))
"""Carriers are asked to take it, when its next attempt is due."""
TAKEN: Final = in_sql((MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.UNKNOWN))
"""A carrier has it, or may have it."""
REACHED: Final = in_sql((MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.UNKNOWN, MessageStatus.SUMMARISED))
"""The person has it, or another message that says the same."""
UNSETTLED: Final = in_sql((MessageStatus.SENT, MessageStatus.UNKNOWN, MessageStatus.QUEUED))
"""A receipt may still say what became of it."""
GATHERED: Final = in_sql((MessageStatus.HELD, MessageStatus.SUMMARISED))
"""Told in one message with others, now or later."""
NOT_YET_OR_NEVER: Final = in_sql((MessageStatus.HELD, MessageStatus.DEAD))
"""It has said nothing."""
LOST: Final = in_sql((MessageStatus.FAILED, MessageStatus.DEAD))
"""It reaches nobody."""
