"""Why somebody is told, later or not at all, in the language of the page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from dashboards.console.texts import TEXTS, Language, texts

REASONS: Final = (
    (re.compile(r"wants (\w+) and worse only"), "untold_severity", "severity"),
    (re.compile(r"does not want (\w+)"), "untold_unwanted", "medium"),
    (re.compile(r"no address for (\w+), or said STOP"), "untold_no_address", "medium"),
    (re.compile(r"(\w+) is in trouble"), "untold_trouble", "medium"),
    (re.compile(r"not on duty: (\S+) has the week"), "untold_off_duty", "group"),
)
"""What a ruling says → a text, and what its word is."""


ACKNOWLEDGED: Final = re.compile(r"acknowledged (before: )?(\d+)")


def meaning(found: str, language: Language) -> str:
    """Return what was made of an answer."""
    said = texts(language)
    if (alarm := ACKNOWLEDGED.fullmatch(found)) is not None:
        return said["meaning_acknowledged_before" if alarm[1] else "meaning_acknowledged"].format(number=alarm[2])
    return said.get(f"meaning_{found}", found)


def reason(found: str, language: Language, group: Callable[[str], str]) -> str:
    """Return why a message is held or not told, or what calls for it; `group`: what people call a group."""
    said = texts(language)
    for pattern, key, kind in REASONS:
        if (match := pattern.fullmatch(found)) is not None:
            word = match[1]
            return said[key].format(word=group(word) if kind == "group" else said.get(f"{kind}_{word}", word))
    for prefix in ("untold_", "held_", "occasion_", "why_"):
        if f"{prefix}{found}" in TEXTS:
            return said[f"{prefix}{found}"]
    return found
