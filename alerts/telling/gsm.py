"""The limits of a short message: the GSM-7 alphabet, unaccented Vietnamese, segments. Pure.

Source: 3GPP TS 23.038 6.2.1 (alphabet and extension table), 23.040 9.2.3.24.1 (parts of 153 septets or 67 UCS-2 units).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

ALPHABET: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The sign of each code of the basic table, in order; 0x1b announces a sign of the extension table."""
EXTENDED: Final = {
    "\f": 10, "^": 20, "{": 40, "}": 41, "\\": 47, "[": 60, "~": 61, "]": 62, "|": 64, "€": 101,
}  # fmt: skip
"""Codes of the extension table; each of these signs takes two septets."""
BASIC: Final = frozenset(ALPHABET) - {"\x1b"}
EXTENSION: Final = frozenset(EXTENDED)

PLAIN: Final = str.maketrans(
    {
        "đ": "d", "Đ": "D", "°": " do ", "‰": "%o", "µ": "u", "μ": "u", "–": "-", "—": "-", "−": "-", "≥": ">=",
        "≤": "<=", "×": "x", "²": "2", "³": "3", "“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "\u00a0": " ",
    }
)  # fmt: skip
"""Signs that units and titles use and the alphabet lacks."""

SINGLE_SEPTETS, PART_SEPTETS = 160, 153
SINGLE_UCS2, PART_UCS2 = 70, 67
MOST_PARTS: Final = 3
"""What Vietnamese networks take of a service message: 459 septets, or 201 UCS-2 units."""
TIME_AT_END: Final = re.compile(r"(.*?)\s*(\d\d:\d\d \d\d/\d\d)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Length:
    """What a text costs."""

    alphabet: str
    """`GSM-7` or `UCS-2`."""
    units: int
    """Septets, or UTF-16 units."""
    segments: int


def unaccented(text: str) -> str:
    """Return Vietnamese without diacritics, in characters of GSM-7 only; what has no plain form becomes `?`."""
    decomposed = unicodedata.normalize("NFD", text.translate(PLAIN))
    letters = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return "".join(sign if sign in BASIC or sign in EXTENSION else "?" for sign in letters)


def aired(text: str, *, accented: bool) -> str:
    """Return a text as it goes on the air: composed signs where diacritics are asked for, else GSM-7."""
    return unicodedata.normalize("NFC", text) if accented else unaccented(text)


def length(text: str) -> Length:
    """Return alphabet, units and segments of a text as a network would send it."""
    if all(sign in BASIC or sign in EXTENSION for sign in text):
        units = sum(2 if sign in EXTENSION else 1 for sign in text)
        return Length("GSM-7", units, _segments(units, SINGLE_SEPTETS, PART_SEPTETS))
    units = len(text.encode("utf-16-be")) // 2
    return Length("UCS-2", units, _segments(units, SINGLE_UCS2, PART_UCS2))


def capped(text: str) -> str:
    """Return a text of at most three parts: words are left out before the time at its end, which stays whole."""
    if length(text).segments <= MOST_PARTS:
        return text
    found = TIME_AT_END.fullmatch(text)
    body, time = (text, None) if found is None else (found[1], found[2])
    end = "..." if time is None else f"... {time}"
    while length(body + end).segments > MOST_PARTS:
        kept, _, _ = body.rpartition(" ")
        body = kept or body[:-1]
    return body + end


def _segments(units: int, single: int, part: int) -> int:
    return 1 if units <= single else -(-units // part)
