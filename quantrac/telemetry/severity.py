"""Severity: how bad an alarm is, from low to critical (ISA-18.2: priority)."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """How bad; larger is worse. The names are those of rule files."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """`low`, `medium`, `high`, `critical`."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Severity:
        """Return the severity of its word; raises KeyError."""
        return cls[word.upper()]
