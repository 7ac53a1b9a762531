"""A dead letter: a message, line or reading that did not fit, kept so that it can be shown and replayed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.wire import Refused

KEPT_BYTES: Final = 65_536
"""How much of a payload a dead letter keeps."""
MOST_TOPIC: Final = 500
"""Of a topic, characters: no station's is longer, and the key of the table takes no more than 2,704 bytes."""
MOST_FOUND: Final = 1000
"""Of what was found, characters."""
MOST_REFUSED: Final = 200
"""Of the refused readings and events so many are listed."""


class NoSuchDeadLetter(QuantracError):
    """There is no dead letter of this number."""

    exit_code = 2

    def __init__(self, dead_letter_id: int) -> None:
        super().__init__(f"there is no dead letter {dead_letter_id}")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One payload that did not fit, or not wholly (`partial`: what was not refused is stored)."""

    topic: str
    payload: bytes
    reason: str
    """A code: one of `wire.Misfit`, or one that says what the database or we could not take."""
    found: str
    """What was found, for a person."""
    received_us: int
    """When it arrived, microseconds since 1970."""
    station: str | None = None
    epoch: str | None = None
    seq: int | None = None
    partial: bool = False
    refused: tuple[Refused, ...] = ()
    length: int = -1
    """Of the payload as sent; -1 means as long as `payload`."""
    sha256: bytes | None = field(default=None, repr=False)
    """Of the payload as sent; None means that of `payload`."""
    recurs: bool = False
    """It comes again and again, with another time in it: while one of its topic and reason is open, more only count."""
    message: int | None = None
    """Its place among the decoded messages of its batch; None: it is none of them."""

    @property
    def kept(self) -> bytes:
        """What is kept of the payload."""
        return self.payload[:KEPT_BYTES]

    @property
    def size(self) -> int:
        """Of the payload as sent, bytes."""
        return len(self.payload) if self.length < 0 else self.length

    def detail(self) -> dict[str, Any]:
        """Return what was found, and the parts that were refused, as they are stored."""
        detail: dict[str, Any] = {"found": printable(self.found)[:MOST_FOUND]}
        if self.refused:
            detail["refused"] = [
                {"place": each.place, "found": printable(each.found), "reason": each.reason.value}
                for each in self.refused[:MOST_REFUSED]
            ]
        return detail

    def row(self, received_at: datetime) -> dict[str, Any]:
        """Return the row to insert."""
        return {
            "at": received_at,
            "topic": printable(self.topic)[:MOST_TOPIC],
            "station": self.station,
            "epoch": self.epoch,
            "seq": self.seq,
            "payload": self.kept,
            "length": self.size,
            "sha256": self.sha256 or hashlib.sha256(self.payload).digest(),
            "reason": self.reason,
            "detail": self.detail(),
            "status": "partial" if self.partial else "open",
            "recurs": self.recurs,
        }


def printable(text: str) -> str:
    """Return text that the database can hold and a terminal may show: control characters and the like escaped."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
