"""Refusals in the language of the page that asked, with times of the network's zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.console.texts import TEXTS, Language
from dashboards.console.texts.refusals import FIELDS, VIETNAMESE, WORDS, WRONG
from quantrac.telemetry.errors import QuantracError, TranslatableError


class NotFound(TranslatableError):
    """What was asked for does not exist; the text names it."""


def language_of(accepted: str | None) -> Language:
    """Return the language of an `Accept-Language` header: what a page says; programs without one read English."""
    return "vi" if accepted is not None and accepted.strip().lower().startswith("vi") else "en"


def refusal(error: QuantracError, language: Language, zone: ZoneInfo) -> str:
    """Return why something was refused; what has no Vietnamese stays English. Pure."""
    if not isinstance(error, TranslatableError):
        return VIETNAMESE.get(str(error), str(error)) if language == "vi" else str(error)
    sentence = VIETNAMESE.get(error.sentence, error.sentence) if language == "vi" else error.sentence
    return sentence.format(**{name: _shown(value, language, zone) for name, value in error.values.items()})


def failure(outcome: Mapping[str, Any], language: Language) -> str:
    """Return why a command failed, by its outcome on record; a station's own words stay as they are. Pure."""
    sentence, values = VIETNAMESE.get(str(outcome.get("sentence"))), outcome.get("values")
    if language == "vi" and sentence is not None and isinstance(values, dict):
        with suppress(KeyError):  # a station may answer anything
            return sentence.format(**{name: _shown(value, language, ZoneInfo("UTC")) for name, value in values.items()})
    return str(outcome.get("error"))


def _shown(value: object, language: Language, zone: ZoneInfo) -> object:
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%H:%M:%S %d/%m/%Y")
    return WORDS.get(str(value), value) if language == "vi" else value


def misunderstanding(errors: Iterable[Mapping[str, Any]], language: Language) -> str:
    """Name what is wrong; what was found is not repeated: it may be bytes that no answer can hold. Pure."""
    return "; ".join(f"{_field(one['loc'], language)}: {_wrong(one, language)}" for one in errors)


def _field(place: tuple[Any, ...], language: Language) -> str:
    name = ".".join(map(str, place[1:])) or str(place[0])
    return TEXTS[FIELDS[name]][0] if language == "vi" and name in FIELDS else name


def _wrong(error: Mapping[str, Any], language: Language) -> str:
    words = str(error["msg"]).removeprefix("Value error, ")
    if language == "en":
        return words
    found = WRONG.get(words) or WRONG.get(error["type"])
    return words if found is None else found.format(**error.get("ctx", {}))
