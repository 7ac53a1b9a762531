"""Answers that a Modbus TCP endpoint still owes: each carries the number of its request. Pure.

None can be taken for another's; but what comes late says that its unit lives, and how long it takes.
Header of a frame: transaction number, protocol 0, length of what follows, each of two bytes, then the unit
(MODBUS messaging on TCP/IP V1.0b, 3.1.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

HEADER: Final = 6
MOST: Final = 256
"""Unanswered requests that are remembered."""


def number_of(frame: bytes) -> int:
    """Return the transaction number of a frame."""
    return int.from_bytes(frame[:2], "big")


class NumberedAnswers:
    """The requests of one connection whose answers may still come."""

    def __init__(self) -> None:
        self._owed: dict[int, tuple[int, float]] = {}

    def owe(self, number: int, unit: int, sent: float) -> None:
        """Note that a request of time `sent` has not been answered."""
        self._owed.pop(number, None)
        self._owed[number] = (unit, sent)
        if len(self._owed) > MOST:
            del self._owed[next(iter(self._owed))]

    def late(self, heard: bytes) -> Iterator[tuple[int, float]]:
        """Return unit and time of each request that is answered, too late, by a whole frame among what was heard."""
        while len(heard) >= HEADER:
            length = HEADER + int.from_bytes(heard[4:6], "big")
            if len(heard) >= length and (owed := self._owed.pop(number_of(heard), None)):
                yield owed
            heard = heard[length:]
