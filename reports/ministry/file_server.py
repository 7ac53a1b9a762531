"""A receiver's server as the sender sees it, and why it has not taken a file."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, Protocol

from quantrac.telemetry.errors import QuantracError

FULL: Final = re.compile(r"no space|disk full|quota|insufficient (storage|disk|space)", re.IGNORECASE)
"""How servers say that they have no room."""
MOST_LETTERS: Final = 300
"""Of what a server says."""
MOST_BYTES: Final = 1_000_000
"""Of a file that is read back: ours are a thousand times smaller, and what is longer is none of ours."""
PART: Final = ".part"


class Failure(StrEnum):
    """Why a file was not taken."""

    AWAY = "away"
    """The server was not reached, or does not know us: no other file would be taken either."""
    REFUSED = "refused"
    """It does not take this file."""
    FULL = "full"
    """It has no room."""


class NotDelivered(QuantracError):
    """The server has not taken a file, or not shown one; the text says why, in the server's words."""

    def __init__(self, why: str, failure: Failure) -> None:
        super().__init__(why[:MOST_LETTERS])
        self.failure = failure

    @property
    def is_away(self) -> bool:
        """Whether nothing else is worth a try now."""
        return self.failure is Failure.AWAY


class FileServer(Protocol):
    """Where files are put; used by one thread."""

    def put(self, name: str, content: bytes) -> None:
        """Make a file, whole or not at all, in the place of an older one. Raises NotDelivered."""

    def get(self, name: str) -> bytes | None:
        """Return what a file holds; None: it is not there. Raises NotDelivered."""

    def close(self) -> None:
        """Drop the connection; the next use opens another one. Nothing answers the server between two uses."""


def refusal(why: str) -> NotDelivered:
    """Return the error of a server that has answered, and does not take a file."""
    return NotDelivered(why, Failure.FULL if FULL.search(why) else Failure.REFUSED)


def part_of(place: str) -> str:
    """Return the temporary name of a file, in its folder."""
    folder, slash, name = place.rpartition("/")
    return f"{folder}{slash}.{name}{PART}"
