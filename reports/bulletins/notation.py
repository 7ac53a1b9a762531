"""How a bulletin writes figures and days, in Vietnamese and English; the filters of its templates. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

NOTHING: Final = "–"


def number(value: float | None, decimals: int, language: str) -> str:
    """Return a value with its decimals, a half rounded away from zero; a dash for none."""
    if value is None:
        return NOTHING
    text = f"{Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP):f}"
    text = text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")
    return text.replace(".", ",") if language == "vi" else text


def given(value: float | None, language: str) -> str:
    """Return a limit with the decimals that it was written with, four at most."""
    if value is None:
        return NOTHING
    return number(value, next((places for places in range(4) if round(value, places) == value), 4), language)


def signed(value: float | None, decimals: int, language: str) -> str:
    """Return a difference with its sign."""
    text = number(value, decimals, language)
    return f"+{text}" if text[0].isdigit() and text.strip("0.,") else text


def bounds(low: float | None, high: float | None, language: str) -> str:
    """Return what is allowed: `7–9`, `≥ 3,5`, `≤ 0,3`."""
    if low is not None and high is not None:
        return f"{given(low, language)}–{given(high, language)}"
    if low is not None:
        return f"≥ {given(low, language)}"
    return NOTHING if high is None else f"≤ {given(high, language)}"


def full_day(day: date | str) -> str:
    """Return a day as people write it: 29/11/2026."""
    return f"{_date(day):%d/%m/%Y}"


def short_day(day: date | str) -> str:
    """Return a day of a period whose year is known: 29/11."""
    return f"{_date(day):%d/%m}"


def spans(days: Iterable[date | str]) -> str:
    """Return days in a row as one: `24/11, 26/11–29/11`."""
    runs: list[list[date]] = []
    for day in map(_date, days):
        if runs and (day - runs[-1][-1]).days == 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ", ".join(short_day(run[0]) + (f"–{short_day(run[-1])}" if len(run) > 1 else "") for run in runs)


def localised(found: Any, language: str) -> Any:
    """Return figures with each text of both languages, `{"vi": …, "en": …}`, as the one of a language."""
    if isinstance(found, Mapping):
        if found.keys() == {"vi", "en"}:
            return found[language]
        return {name: localised(value, language) for name, value in found.items()}
    return [localised(one, language) for one in found] if isinstance(found, list | tuple) else found


def _date(day: date | str) -> date:
    return day if isinstance(day, date) else date.fromisoformat(day)
