"""An alarm in words for pages: title, place, value, state, and what the lines of its history say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import WhyUntold
from alerts.desk import AlarmRow, EventRow
from dashboards.console.act_words import SET_ASIDE, reason_words
from dashboards.console.numbers import given, number
from dashboards.console.texts import TEXTS, Language, texts
from dashboards.console.titles import parameter_title
from quantrac.config.rules import LULL
from quantrac.telemetry.parameters import CATALOGUE

ALARM_NUMBER: Final = re.compile(r"alarm (\d+) (explains it|is over)")
FLAGGED: Final = re.compile(r"(readings that raised it were flagged) by (.+)", re.DOTALL)


def title(row: AlarmRow, language: Language) -> str:
    """Return what the alarm is called."""
    return words(row, "title", language) or row.rule


def words(row: AlarmRow, name: str, language: Language) -> str:
    """Return a text of its rule, such as `cause`; empty where the rule has none."""
    said = row.texts.get(name) or {}
    if isinstance(said, str):  # the source of an alarm that rose before sources had two languages
        return said
    return str(said.get(language) or said.get("vi") or "")


def measured(row: AlarmRow, language: Language) -> str:
    """Return value, unit and limit; empty where a value says nothing to people."""
    if row.value is None or row.texts.get("has_value") is False:
        return ""
    known = CATALOGUE.get(row.parameter or "")
    unit, decimals = (known.label, known.decimals) if known else (row.unit or "", 2)
    value = f"{number(row.value, decimals, language)} {unit}".rstrip()
    limit = "" if row.limit is None else f" ({texts(language)['limit']} {given(row.limit, language)})"
    return f"{value}{limit}"


def parameter(row: AlarmRow, titled: Mapping[str, str], language: Language) -> str:
    """Return what the alarm's channel is called; of one that is no more, what it measured. `titled`: by channel."""
    return titled.get(row.channel or "") or parameter_title(row.parameter or "", language)


def media(named: list[str] | None, language: Language) -> str:
    """Return media in words, such as `SMS, e-mail`."""
    said = texts(language)
    return ", ".join(said.get(f"medium_{medium}", medium) for medium in named or ())


def state(row: AlarmRow, language: Language) -> str:
    """Return where the alarm stands."""
    return texts(language).get(f"alarm_state_{row.state}", row.state)


def happened(event: EventRow, parameter: str | None, language: Language) -> str:
    """Return what a line of the history says, with level, value and limit where it has them."""
    said, known = texts(language), CATALOGUE.get(parameter or "")
    detail: Mapping[str, Any] = event.detail or {}
    is_lull = detail.get("level") == LULL
    found = [said["event_lull"] if is_lull else said.get(f"event_{event.event}", event.event)]
    if (severity := detail.get("severity")) and not is_lull:
        found.append(said.get(f"severity_{severity}", severity))
    if detail.get("value") is not None:
        value = detail["value"]
        found.append(given(value, language) if known is None else number(value, known.decimals, language))
    if detail.get("limit") is not None:
        found.append(f"{said['limit']} {given(detail['limit'], language)}")
    return ", ".join(found)


def reason(event: EventRow, language: Language, zone: ZoneInfo, *, names: bool = True) -> str:
    """Return why, in the language of the page; what a person wrote stays as it is.

    `names`: also which contacts are told nothing, and why.
    """
    said, found = texts(language), event.reason or ""
    if SET_ASIDE.match(found):
        return reason_words(found, language, zone)
    if event.person is not None:
        return said.get(f"words_{found}", found)
    if other := ALARM_NUMBER.fullmatch(found):
        return said[f"why_alarm {other[2]}"].format(alarm=other[1])
    if flagged := FLAGGED.fullmatch(found):
        return f"{said[f'why_{flagged[1]}']}, {said['by']} {flagged[2]}"
    head, colon, rest = found.partition(": ")
    known = f"why_{head}" in TEXTS
    detail = f"{colon}{rest}" if names or head != WhyUntold.NOBODY else ""
    return f"{said[f'why_{head}']}{detail}" if known else found
