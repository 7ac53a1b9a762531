"""What people did, in words: what an act was done to, its detail, what a station was told to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from dashboards.console.numbers import number
from dashboards.console.texts import TEXTS, Language, texts

OBJECT: Final = re.compile(rf"({'|'.join(key[7:] for key in TEXTS if key.startswith('object_'))})((?: .+)?)", re.DOTALL)
"""What an act was done to: a word of TEXTS, and which one."""
_AT: Final = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)Z"
SET_ASIDE: Final = re.compile(rf"(?:from {_AT} )?until {_AT}: ?")
"""What stands before the reason of a shelf or of a time out of service."""
UTC_SECOND, CLOCK = "%Y-%m-%d %H:%M:%S", "%H:%M %d/%m/%Y"


def object_words(recorded: str, language: Language) -> str:
    """Return what an act was done to, such as `dead letter 3`, with its leading word in a language. Pure."""
    found = OBJECT.fullmatch(recorded)
    if found is None:
        return recorded
    rest = re.sub(r"^( \d+) of ", r"\1 của ", found[2]) if language == "vi" else found[2]
    return texts(language)[f"object_{found[1]}"] + rest


def reason_words(recorded: str, language: Language, zone: ZoneInfo) -> str:
    """Return why somebody did it; from when until when they set it aside is told by the clocks of a zone. Pure."""
    term = SET_ASIDE.match(recorded)
    if term is None:
        return recorded
    said = texts(language)
    try:
        ends = [
            f"{said[word]} {datetime.strptime(at, UTC_SECOND).replace(tzinfo=UTC).astimezone(zone):{CLOCK}}"
            for word, at in (("since", term[1]), ("until", term[2]))
            if at
        ]
    except (ValueError, OverflowError):  # somebody typed it, and there is no such time
        return recorded
    return f"{' '.join(ends)}: {recorded[term.end() :]}"


def detail_line(detail: Mapping[str, Any]) -> str:
    """Return the detail of an act as one line of `key: value`. Pure."""
    return "; ".join(f"{key}: {_plain(value)}" for key, value in detail.items())


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "–"
    if isinstance(value, Mapping):
        return f"({detail_line(value)})"
    return "–" if value is None else str(value)


def order_words(order: Mapping[str, Any], language: Language) -> str:
    """Return an order in words. Pure."""
    text, what = texts(language), str(order.get("do"))
    if what == "maint":
        what = "maint_off" if order.get("off") else str(order.get("state", "maint"))
    lasts = order.get("for_ms")
    parts = [
        text.get(f"order_{what}", what), order.get("device"), order.get("camera"), order.get("action"),
        None if lasts is None else f"{number(lasts / 3_600_000, 1, language)} {text['h']}",
    ]  # fmt: skip
    return " ".join(str(part) for part in parts if part)
