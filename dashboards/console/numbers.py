"""Numbers as people read them, where the server writes them; `static/numbers.js` does the same in the browser. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from dashboards.console.texts import Language

LARGEST: Final = 1e7
"""From here on digits in a row are counted, not read."""
_RAISED: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float, decimals: int, language: Language, digits: int = 3) -> str:
    """Return a value with its decimals, a half rounded away from zero; one of more than seven digits as a power of ten.

    Thousands have no separator: 1.013 would be two numbers in the two languages. `digits`: of a power of ten.
    """
    if abs(value) < LARGEST:
        text = f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}"
        text = text.removeprefix("-") if float(text) == 0 else text
    else:
        rounded = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal_from_float(value)
        significand, exponent = f"{rounded:.{digits - 1}e}".split("e")
        text = f"{significand} × 10{str(int(exponent)).translate(_RAISED)}"
    return text.replace(".", ",") if language == "vi" else text


def signed(value: float, decimals: int, language: Language) -> str:
    """Return a difference with its sign, a minus and no hyphen; what is 0 as it is written has none."""
    text = number(abs(value), decimals, language)
    if not text.strip("0.,"):
        return text
    return f"{'+' if value > 0 else '−'}{text}"


def given(value: float, language: Language) -> str:
    """Return a limit or another given number: with the decimals that it was written with, four at most."""
    decimals = next((places for places in range(4) if round(value, places) == value), 4)
    return number(value, decimals, language)
