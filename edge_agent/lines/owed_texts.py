"""Owed answers of a text line: none of them is taken for the answer to a later request. Pure.

Such answers name neither request nor number. Instruments answer in order, so after a miss a request is repeated only
when a *fence* has been answered, a small request whose answer looks like no other (``a!`` of SDI-12, ``a`` of Vaisala).
Where the protocol has none (Bayern-Hessen, menus), the owed answer must have come, or its time must be over.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge_agent.lines.endings import Ending

OWED_S: Final = 10.0
"""What has not been answered for so long is not answered any more."""


class OwedText(NamedTuple):
    """A request that has not been answered."""

    kind: bytes
    """Requests of one kind have answers that look alike."""
    ending: Ending
    sent: float
    """Seconds of a monotonic clock."""
    device: str


class OwedTexts:
    """The requests of one line whose answers may still come."""

    def __init__(self) -> None:
        self._owed: list[OwedText] = []

    def owe(self, owed: OwedText) -> None:
        """Note a request that has not been answered."""
        self._owed.append(owed)

    def settle(self, kind: bytes) -> None:
        """Note that none of a kind can come any more."""
        self._owed = [owed for owed in self._owed if owed.kind != kind]

    def left_ms(self, kind: bytes, now: float) -> int:
        """Return for how long an answer of a kind may still come; 0 if none is owed."""
        self._owed = [owed for owed in self._owed if now - owed.sent < OWED_S]
        newest = max((owed.sent for owed in self._owed if owed.kind == kind), default=now - OWED_S)
        return max(0, round((newest + OWED_S - now) * 1000))

    def late(self, heard: bytes) -> tuple[OwedText, int] | None:
        """Return a request that is answered by what was heard unasked, and where its answer ends."""
        for owed in self._owed:
            if (behind := owed.ending.behind(heard)) is not None and owed.ending.is_answer(heard[:behind]):
                self._owed.remove(owed)
                return owed, behind
        return None
