"""A text for people, in Vietnamese and English; a count and what is counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    vi: str
    en: str

    def in_language(self, language: str) -> str:
        """Return the text for `vi` or `en`."""
        return self.vi if language == "vi" else self.en


def counted(count: int, text: str) -> str:
    """Return a count and what is counted: a text may have two forms, `alarm|alarms`, of which the first is for one."""
    return f"{count} {text.split('|')[0 if count == 1 else -1]}"
