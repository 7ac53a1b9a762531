"""Why people are told: what a change of an alarm is to them. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Purpose(StrEnum):
    """Why a message is sent."""

    RAISED = "raised"
    LEVEL = "level"
    """The alarm stands at a more severe level than the one told before."""
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    """The alarm ends because nothing watches it any more, whatever its readings say."""
    QUESTIONED = "questioned"
    """Readings that raised the alarm are in doubt since."""
    LATE = "late"
    """Alarms of the past that late readings brought to light."""
    ESCALATED = "escalated"
    """Nobody has acknowledged the alarm: others are told."""
    REPEATED = "repeated"
    """Nobody has acknowledged it: whoever was told is told again."""
    FLAPPING = "flapping"
    """It comes and goes: told once in place of each time."""
    SUMMARY = "summary"
    """Many alarms at once."""
    TEST = "test"
    """No alarm: a person tries whether messages arrive."""

    @property
    def is_end(self) -> bool:
        """Whether nothing more follows about the alarm."""
        return self in ENDS


ENDS: Final = frozenset({Purpose.CLEARED, Purpose.WITHDRAWN})
AFTERWARDS: Final = ENDS | {Purpose.QUESTIONED}
"""What whoever was told of the alarm is told later."""
CALLS: Final = frozenset({Purpose.ESCALATED, Purpose.REPEATED})
"""Calls for somebody to acknowledge."""
