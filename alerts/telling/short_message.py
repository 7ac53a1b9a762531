"""The short message about an alarm, in Vietnamese and English: what, where, value, limit, trend, advice, time. Pure.

It is unaccented GSM-7 text, one part where the rule's own words allow it (`quantrac rules check`), or with diacritics
(UCS-2) for whoever asks for them; never more than three parts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from alerts.alarm.change import Purpose
from alerts.telling import gsm
from alerts.telling.notice import (
    REMARKS,
    SEVERITY_WORDS,
    UNANSWERED,
    Notice,
    clock,
    fill,
    limit_words,
    placeholders,
    remark,
    value_words,
)

MOST_PARTS: Final = 3
"""What Vietnamese networks take of a service message: 459 septets, or 201 UCS-2 units."""
TIME_AT_END: Final = re.compile(r"(.*?)\s*(\d\d:\d\d \d\d/\d\d)?", re.DOTALL)


def short_message(notice: Notice, language: str, *, accented: bool = False) -> str:
    """Return the short message, at most three parts long: GSM-7 only, or Vietnamese with its diacritics."""
    accented = accented and language == "vi"
    if notice.purpose in REMARKS:
        return capped(plain(remark(notice, language), accented=accented))
    closing = notice.purpose is Purpose.CLEARED
    template = notice.texts.sms_cleared if closing else notice.texts.sms
    written = "" if template is None else template.in_language(language)
    unanswered = UNANSWERED.get(notice.purpose)
    head = "" if unanswered is None else f"{unanswered.in_language(language).upper()}: "
    if written and _is_usable(written, notice, accented=accented):
        text = head + fill(written, placeholders(notice, language))
    elif closing:
        text = _closing(notice, language)
    else:
        text = _opening(notice, language, head, accented=accented)
    return capped(_tidied(plain(text, accented=accented)))


def plain(text: str, *, accented: bool) -> str:
    """Return a text as it goes on the air: composed signs where diacritics are asked for, else GSM-7."""
    return unicodedata.normalize("NFC", text) if accented else gsm.unaccented(text)


def capped(text: str) -> str:
    """Return a text of at most three parts: words are left out before the time at its end, which stays whole."""
    if gsm.length(text).segments <= MOST_PARTS:
        return text
    found = TIME_AT_END.fullmatch(text)
    body, time = (text, None) if found is None else (found[1], found[2])
    end = "..." if time is None else f"... {time}"
    while gsm.length(body + end).segments > MOST_PARTS:
        kept, _, _ = body.rpartition(" ")
        body = kept or body[:-1]
    return body + end


def _is_usable(written: str, notice: Notice, *, accented: bool) -> bool:
    """Whether a rule's own words can stand: not without their value, nor unaccented beside accented names."""
    has_its_value = notice.value is not None or "{value}" not in written
    return has_its_value and (not accented or gsm.unaccented(written) != written)


def _tidied(text: str) -> str:
    """Return a text without the spaces and commas that empty placeholders leave behind."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ([,.;:])", r"\1", text)
    return re.sub(r",+([,.;:])", r"\1", text).strip()


def _opening(notice: Notice, language: str, head: str, *, accented: bool) -> str:
    """The message of a rule without a template; the advice is left out where it would cost a further part."""
    kind = SEVERITY_WORDS[notice.severity].in_language(language).upper()
    text = f"{head}{kind}: {notice.title(language)}, {notice.station.in_language(language)}"
    if notice.value is not None:
        text += f": {_measure(notice, language)}{value_words(notice, language)}"
    if notice.limit is not None:
        text += f", {limit_words(notice, language)}"
    if notice.trend is not None:
        text += f", {notice.trend.words.in_language(language)}"
    time, response = clock(notice.time, notice.zone), notice.texts.response
    shorter = f"{text}. {time}"
    longer = shorter if response is None else f"{text}. {response.in_language(language)}. {time}"
    most = MOST_PARTS if accented else 1
    return longer if gsm.length(plain(longer, accented=accented)).segments <= most else shorter


def _closing(notice: Notice, language: str) -> str:
    over, still = ("HẾT CẢNH BÁO", "hiện ") if language == "vi" else ("ALL CLEAR", "now ")
    text = f"{over}: {notice.title(language)}, {notice.station.in_language(language)}"
    if notice.value is not None:
        text += f": {_measure(notice, language) or still}{value_words(notice, language)}"
    return f"{text}. {clock(notice.time, notice.zone)}"


def _measure(notice: Notice, language: str) -> str:
    """Return what the value is, where it is not a reading, and a space."""
    measure = notice.texts.measure
    return "" if measure is None else f"{measure.in_language(language)} "
