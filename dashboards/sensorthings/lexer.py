"""Cuts an expression into words with their places; literals become values. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from dashboards.sensorthings.syntax import BadExpression, Shape, Value

LONGEST: Final = 8000
"""Characters of an expression."""
MOST_CORNERS: Final = 1000

_NUMBER: Final = r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_WORDS: Final = re.compile(
    rf"""\s*(?:
      (?P<instant>\d{{4}}-\d\d-\d\d[Tt]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?)
    | (?P<date>\d{{4}}-\d\d-\d\d)
    | (?P<clock>\d\d:\d\d:\d\d(?:\.\d+)?)
    | duration'(?P<duration>[^']*)'
    | (?:geography|geometry)'(?P<shape>[^']*)'
    | (?P<number>{_NUMBER})
    | '(?P<text>(?:[^']|'')*)'
    | (?P<word>[@A-Za-z_][\w.@]*)
    | (?P<sign>[(),/-])
    | (?P<end>$)
    )""",
    re.VERBOSE,
)
_DURATION: Final = re.compile(r"(-?)P(?:(\d{1,7})D)?(?:T(?:(\d{1,7})H)?(?:(\d{1,7})M)?(?:(\d{1,9}(?:\.\d{1,6})?)S)?)?")
_SHAPE: Final = re.compile(r"\s*(?:SRID\s*=\s*4326\s*;\s*)?(POINT|LINESTRING|POLYGON)\s*\((.*)\)\s*", re.IGNORECASE)
_CORNER: Final = re.compile(rf"\s*(-?{_NUMBER})\s+(-?{_NUMBER})\s*")


class Word(NamedTuple):
    """A word of an expression."""

    kind: str
    """`literal`, `word`, `sign` or `end`."""
    text: str
    value: Value
    at: int


def words_of(text: str) -> Iterator[Word]:
    """Yield the words of an expression, then its end. Raises BadExpression."""
    if len(text) > LONGEST:
        raise BadExpression(f"found {len(text)} characters, expected at most {LONGEST}", LONGEST)
    place = 0
    while True:
        found = _WORDS.match(text, place)
        if found is None:
            at = place + len(text[place:]) - len(text[place:].lstrip())
            raise BadExpression(f"found {text[at : at + 20]!r}, expected a word, a number or a text in quotes", at)
        kind, at = str(found.lastgroup), found.start(str(found.lastgroup))
        word = found[kind]
        if kind in _VALUES:
            try:
                yield Word("literal", word, _VALUES[kind](word), at)
            except (ValueError, OverflowError):
                raise BadExpression(f"found {word[:40]!r}, expected {_EXPECTED[kind]}", at) from None
        else:
            yield Word(kind, word, None, at)
        if kind == "end":
            return
        place = found.end()


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text.upper())
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _number(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError
    return found


def _duration(text: str) -> timedelta:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()[1:]):
        raise ValueError
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups()[1:])
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if found[1] else length


def _shape(text: str) -> Shape:
    found = _SHAPE.fullmatch(text)
    if found is None:
        raise ValueError
    kind, inside = found[1].lower(), found[2].strip()
    if kind == "polygon":
        if not (inside.startswith("(") and inside.endswith(")")) or "(" in inside[1:]:
            raise ValueError
        inside = inside[1:-1]
    corners = tuple(map(_corner, inside.split(",")))
    least, most = {"point": (1, 1), "linestring": (2, MOST_CORNERS), "polygon": (4, MOST_CORNERS)}[kind]
    if not least <= len(corners) <= most or (kind == "polygon" and corners[0] != corners[-1]):
        raise ValueError
    return Shape("line" if kind == "linestring" else kind, corners)


def _corner(text: str) -> tuple[float, float]:
    found = _CORNER.fullmatch(text)
    if found is None or abs(float(found[1])) > 360 or abs(float(found[2])) > 90:
        raise ValueError
    return float(found[1]), float(found[2])


def _text(text: str) -> str:
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError
    return text.replace("''", "'")


_VALUES: Final[dict[str, Callable[[str], Value]]] = {
    "instant": _instant, "date": date.fromisoformat, "clock": time.fromisoformat, "duration": _duration,
    "shape": _shape, "number": _number, "text": _text,
}  # fmt: skip
_EXPECTED: Final = {
    "instant": "a time such as 2026-11-24T03:00:00Z", "date": "a date such as 2026-11-24",
    "clock": "a time of day such as 07:20:00", "duration": "a duration such as P1DT2H", "number": "a number",
    "shape": "POINT(lon lat), LINESTRING(…) or POLYGON((…)) closed and without holes, in degrees", "text": "a text",
}  # fmt: skip
