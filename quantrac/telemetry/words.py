"""A text for people, in Vietnamese and English."""

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
