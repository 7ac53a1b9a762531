"""The short message about an alarm, in Vietnamese and English: what, where, value, limit, trend, advice, time. Pure.

It is unaccented GSM-7 text, one part where the rule's own words allow it (`quantrac rules check`), or with diacritics
(UCS-2) for whoever asks for them; never more than three parts.
"""

from __future__ import annotations

import re

from alerts.alarm.change import Purpose
from alerts.telling import gsm
from alerts.telling.notice import Wording, fill
from quantrac.telemetry.severity import Severity


def short_message(said: Wording, *, accented: bool = False) -> str:
    """Return the short message, at most three parts long: GSM-7 only, or Vietnamese with its diacritics."""
    accented = accented and said.language == "vi"
    text = said.remark or _own_words(said, accented=accented)
    if not text:
        text = _closing(said) if said.notice.purpose is Purpose.CLEARED else _opening(said, accented=accented)
    text = gsm.aired(text, accented=accented)
    return gsm.capped(text if said.remark else _tidied(text))


def _own_words(said: Wording, *, accented: bool) -> str:
    """Return the rule's own words; empty where they lack their value, or are unaccented beside accented names."""
    own = said.template
    if ("{value}" in own and not said.value) or (accented and gsm.unaccented(own) == own):
        return ""
    if not own:
        return ""
    is_over = said.notice.purpose is Purpose.CLEARED
    is_urgent = said.notice.severity is Severity.CRITICAL and not is_over and "{level}" not in own
    return _head(said.unanswered, said.severity if is_urgent else "", said.worse) + fill(own, said.placeholders)


def _head(*words: str) -> str:
    """Return what stands before a message in capitals: `KHẨN CẤP, NẶNG HƠN: `."""
    told = ", ".join(filter(None, words))
    return f"{told.upper()}: " if told else ""


def _tidied(text: str) -> str:
    """Return a text without the spaces and commas that empty placeholders leave behind."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ([,.;:])", r"\1", text)
    return re.sub(r",+([,.;:])", r"\1", text).strip()


def _opening(said: Wording, *, accented: bool) -> str:
    """The message of a rule without a template; the advice is left out where it would cost a further part."""
    value = said.value and f": {f'{said.measure} {said.value}'.lstrip()}"
    told = ", ".join(filter(None, (said.title, said.station + value, said.limit, said.trend)))
    text = f"{_head(said.unanswered)}{_head(said.severity, said.worse)}{told}"
    shorter = f"{text}. {said.time}"
    longer = f"{text}. {said.response}. {said.time}" if said.response else shorter
    most = gsm.MOST_PARTS if accented else 1
    return longer if gsm.length(gsm.aired(longer, accented=accented)).segments <= most else shorter


def _closing(said: Wording) -> str:
    over, still = ("HẾT CẢNH BÁO", "hiện") if said.language == "vi" else ("ALL CLEAR", "now")
    value = said.value and f": {said.measure or still} {said.value}"
    return f"{over}: {said.title}, {said.station}{value}. {said.time}"
