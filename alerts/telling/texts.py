"""The texts of short messages and e-mails about an alarm, in Vietnamese and English. Pure.

Times are local. A short message says what, where, value, limit, trend, advice, time: unaccented
GSM-7 text, one part where the rule's own words allow it (`quantrac rules check`), or with diacritics (UCS-2) for
whoever asks for them; never more than three parts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alarm.purpose import Purpose
from alerts.rules.rule import RuleTexts
from alerts.rules.trend import Trend
from alerts.telling import gsm
from quantrac.config.rules import Side
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

MOST_PARTS: Final = 3
"""What Vietnamese networks take of a service message: 459 septets, or 201 UCS-2 units."""
TIME_AT_END: Final = re.compile(r"(.*?)\s*(\d\d:\d\d \d\d/\d\d)?", re.DOTALL)

MOST_DECIMALS: Final = 6

SEVERITY_WORDS: Final = {
    Severity.LOW: Words("Lưu ý", "Notice"),
    Severity.MEDIUM: Words("Cảnh báo", "Warning"),
    Severity.HIGH: Words("Cảnh báo cao", "High alarm"),
    Severity.CRITICAL: Words("KHẨN CẤP", "CRITICAL"),
}
SIDE_WORDS: Final = {Side.BELOW: Words("dưới", "below"), Side.ABOVE: Words("trên", "above")}


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told, before it is put into a language."""

    purpose: Purpose
    alarm_id: int
    severity: Severity
    station: Words
    time: datetime
    """When it came so, aware."""
    raised_at: datetime
    """When the alarm rose, aware."""
    zone: ZoneInfo
    """In which people are told times."""
    texts: RuleTexts
    channel: str = ""
    """`<station>/<name>`; empty where a station as a whole is meant."""
    value: float | None = None
    limit: float | None = None
    side: Side | None = None
    unit: str = ""
    decimals: int = 2
    trend: Trend | None = None
    """None: too few readings to say."""
    end_follows: bool = True
    """Whether the reader will be told that the alarm is over."""


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail."""

    subject: str
    body: str


def sms(notice: Notice, language: str, *, accented: bool = False) -> str:
    """Return the short message, at most three parts long: GSM-7 only, or Vietnamese with its diacritics."""
    accented = accented and language == "vi"
    if notice.purpose in REMARKS:
        return capped(plain(_remark(notice, language), accented=accented))
    closing = notice.purpose is Purpose.CLEARED
    template = notice.texts.sms_cleared if closing else notice.texts.sms
    written = "" if template is None else template.in_language(language)
    unanswered = UNANSWERED.get(notice.purpose)
    head = "" if unanswered is None else f"{unanswered.in_language(language).upper()}: "
    if written and _is_usable(written, notice, accented=accented):
        text = head + fill(written, placeholders(notice, language))
    elif closing:
        text = _closing_sms(notice, language)
    else:
        text = _plain_sms(notice, language, head, accented=accented)
    return capped(tidied(plain(text, accented=accented)))


def plain(text: str, *, accented: bool) -> str:
    """Return a text as it goes on the air: composed signs where diacritics are asked for, else GSM-7."""
    return unicodedata.normalize("NFC", text) if accented else gsm.unaccented(text)


def _is_usable(written: str, notice: Notice, *, accented: bool) -> bool:
    """Whether a rule's own words can stand: not without their value, nor unaccented beside accented names."""
    has_its_value = notice.value is not None or "{value}" not in written
    return has_its_value and (not accented or gsm.unaccented(written) != written)


def tidied(text: str) -> str:
    """Return a text without the spaces and commas that empty placeholders leave behind."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ([,.;:])", r"\1", text)
    return re.sub(r",+([,.;:])", r"\1", text).strip()


def fill(template: str, texts: dict[str, str]) -> str:
    """Return a template with `{name}` replaced by its text; a name that has none stays as it is written."""
    return re.sub(r"\{(\w+)\}", lambda match: texts.get(match[1], match[0]), template)


def email(notice: Notice, language: str) -> Letter:
    """Return subject and plain-text body."""
    vietnamese = language == "vi"
    if notice.purpose in REMARKS:
        return _remark_letter(notice, language)
    if notice.purpose is Purpose.CLEARED:
        return _closing_letter_vi(notice) if vietnamese else _closing_letter_en(notice)
    return _alarm_letter_vi(notice) if vietnamese else _alarm_letter_en(notice)


def number(value: float, decimals: int, language: str) -> str:
    """Return a number as people write it: a decimal comma in Vietnamese, a point in English."""
    text = f"{value:.{decimals}f}"
    return text.replace(".", ",") if language == "vi" else text


def clock(time: datetime, zone: ZoneInfo) -> str:
    """Return `05:10 01/03`, local."""
    return time.astimezone(zone).strftime("%H:%M %d/%m")


def placeholders(notice: Notice, language: str) -> dict[str, str]:
    """Return what may stand in `{…}` of a rule's own short message, in a language."""
    return {
        "title": notice.texts.title.in_language(language),
        "level": SEVERITY_WORDS[notice.severity].in_language(language),
        "channel": notice.channel,
        "station": notice.station.in_language(language),
        "time": clock(notice.time, notice.zone),
        "value": "" if notice.value is None else _value(notice, notice.value, language),
        "limit": "" if notice.limit is None else _limit(notice.limit, language),
        "unit": notice.unit,
        "trend": "" if notice.trend is None else notice.trend.words.in_language(language),
    }


def _value(notice: Notice, value: float, language: str) -> str:
    """Return the value with a further decimal where it would look as if it were not beyond the limit (1.998 < 2)."""
    decimals = notice.decimals
    if notice.limit is not None and notice.side is not None and _is_beyond(value, notice.limit, notice.side):
        while decimals < MOST_DECIMALS and not _is_beyond(round(value, decimals), notice.limit, notice.side):
            decimals += 1
    return number(value, decimals, language)


def _is_beyond(value: float, limit: float, side: Side) -> bool:
    return value < limit if side is Side.BELOW else value > limit


def _limit(limit: float, language: str) -> str:
    text = f"{limit:.10g}"
    return text.replace(".", ",") if language == "vi" else text


def _plain_sms(notice: Notice, language: str, head: str, *, accented: bool) -> str:
    """The message of a rule without a template; the advice is left out where it would cost a further part."""
    filled = placeholders(notice, language)
    kind = SEVERITY_WORDS[notice.severity].in_language(language).upper()
    text = f"{head}{kind}: {notice.texts.title.in_language(language)}, {filled['station']}"
    if notice.value is not None:
        text += f": {_measure(notice, language)}{filled['value']} {filled['unit']}".rstrip()
    if notice.limit is not None:
        text += f", {_limit_words(notice, language)}"
    if notice.trend is not None:
        text += f", {filled['trend']}"
    response = notice.texts.response
    shorter = f"{text}. {filled['time']}"
    longer = shorter if response is None else f"{text}. {response.in_language(language)}. {filled['time']}"
    most = MOST_PARTS if accented else 1
    return longer if gsm.length(plain(longer, accented=accented)).segments <= most else shorter


def _closing_sms(notice: Notice, language: str) -> str:
    filled = placeholders(notice, language)
    over = "HẾT CẢNH BÁO" if language == "vi" else "ALL CLEAR"
    text = f"{over}: {notice.texts.title.in_language(language)}, {filled['station']}"
    if notice.value is not None:
        now = _measure(notice, language) or ("hiện " if language == "vi" else "now ")
        text += f": {now}{filled['value']} {filled['unit']}".rstrip()
    return f"{text}. {filled['time']}"


def _measure(notice: Notice, language: str) -> str:
    """Return what the value is, where it is not a reading, and a space."""
    measure = notice.texts.measure
    return "" if measure is None else f"{measure.in_language(language)} "


UNANSWERED: Final = {
    Purpose.ESCALATED: Words("chưa ai nhận", "not acknowledged"),
    Purpose.REPEATED: Words("nhắc lại", "reminder"),
}
REMARKS: Final = {
    Purpose.QUESTIONED: Words(
        "{station}: cảnh báo {title} lúc {time} ĐANG ĐƯỢC XEM LẠI: số liệu gây cảnh báo có dấu hiệu sai.",
        "{station}: alarm {title} of {time} IS IN DOUBT: the readings that raised it look wrong.",
    ),
    Purpose.WITHDRAWN: Words(
        "{station}: NGỪNG THEO DÕI {title} (báo lúc {time}): quy tắc đã đổi hoặc bỏ. Không có nghĩa là đã hết.",
        "{station}: {title} of {time} IS NO LONGER WATCHED: its rule was changed or removed. It may not be over.",
    ),
    Purpose.FLAPPING: Words(
        "{station}: {title} CHẬP CHỜN, lúc có lúc hết. Không nhắn từng lần cho đến khi ổn định. {time}",
        "{station}: {title} COMES AND GOES. No message each time until it settles. {time}",
    ),
}
"""Messages about an alarm rather than of it."""
REMARK_HEADS: Final = {
    Purpose.QUESTIONED: Words("Đang xem lại", "In doubt"),
    Purpose.WITHDRAWN: Words("Ngừng theo dõi", "No longer watched"),
    Purpose.FLAPPING: Words("Chập chờn", "Comes and goes"),
}


def _remark(notice: Notice, language: str) -> str:
    filled = {
        "station": notice.station.in_language(language),
        "title": notice.texts.title.in_language(language),
        "time": clock(notice.raised_at, notice.zone),
    }
    return fill(REMARKS[notice.purpose].in_language(language), filled)


def _remark_letter(notice: Notice, language: str) -> Letter:
    kind = REMARK_HEADS[notice.purpose].in_language(language)
    watched = Words(
        f"Cảnh báo số {notice.alarm_id} vẫn được theo dõi cho đến khi hết.",
        f"Alarm {notice.alarm_id} is still watched until it is over.",
    )
    ended = Words(f"Cảnh báo số {notice.alarm_id} đã kết thúc.", f"Alarm {notice.alarm_id} has ended.")
    more = (ended if notice.purpose.is_end else watched).in_language(language)
    title, station = notice.texts.title.in_language(language), notice.station.in_language(language)
    return Letter(
        f"[{kind}] {title}: {station}, {clock(notice.raised_at, notice.zone)}",
        f"{_remark(notice, language)}\n\n{more}\n",
    )


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


def _limit_words(notice: Notice, language: str) -> str:
    assert notice.limit is not None
    side = "" if notice.side is None else SIDE_WORDS[notice.side].in_language(language) + " "
    return f"{side}{_limit(notice.limit, language)} {notice.unit}".rstrip()


def _value_words(notice: Notice, language: str) -> str:
    assert notice.value is not None
    return f"{_value(notice, notice.value, language)} {notice.unit}".rstrip()


def _alarm_letter_vi(notice: Notice) -> Letter:
    texts, station = notice.texts, notice.station.vi
    kind = SEVERITY_WORDS[notice.severity].vi
    worse = _prefix(notice.purpose, "vi")
    value = "" if notice.value is None else f" {_value_words(notice, 'vi')}"
    lines = [
        f"{station}: {texts.title.vi}",
        f"Mức độ: {kind}",
        f"Thời điểm: {_moment(notice.time, notice.zone)} (giờ địa phương)",
    ]
    if notice.purpose is Purpose.LEVEL:
        lines.append(f"Cảnh báo bắt đầu: {_moment(notice.raised_at, notice.zone)}")
    lines += _measured(notice, "vi", value="Giá trị", limit="Ngưỡng", trend="Xu hướng")
    lines += _advice(texts, "vi", cause="Nguyên nhân có thể", consequence="Hậu quả", response="Việc cần làm")
    if texts.respond_within_ms is not None:
        lines.append(f"Xử lý trong vòng: {texts.respond_within_ms // 60_000} phút")
    follows = " Khi hết cảnh báo, hệ thống sẽ gửi một thư nữa." if notice.end_follows else ""
    lines += ["", f"Cảnh báo số {notice.alarm_id}.{follows}"]
    return Letter(
        f"[{kind}] {worse}{texts.title.vi}: {station}{value}, {clock(notice.time, notice.zone)}",
        "\n".join(lines) + "\n",
    )


def _alarm_letter_en(notice: Notice) -> Letter:
    texts, station = notice.texts, notice.station.en
    kind = SEVERITY_WORDS[notice.severity].en
    worse = _prefix(notice.purpose, "en")
    value = "" if notice.value is None else f" {_value_words(notice, 'en')}"
    lines = [
        f"{station}: {texts.title.en}",
        f"Severity: {kind}",
        f"Time: {_moment(notice.time, notice.zone)} (local time)",
    ]
    if notice.purpose is Purpose.LEVEL:
        lines.append(f"Alarm since: {_moment(notice.raised_at, notice.zone)}")
    lines += _measured(notice, "en", value="Value", limit="Limit", trend="Trend")
    lines += _advice(texts, "en", cause="Possible cause", consequence="Consequence", response="What to do")
    if texts.respond_within_ms is not None:
        lines.append(f"Respond within: {texts.respond_within_ms // 60_000} minutes")
    follows = " One more message follows when it is over." if notice.end_follows else ""
    lines += ["", f"Alarm {notice.alarm_id}.{follows}"]
    return Letter(
        f"[{kind}] {worse}{texts.title.en}: {station}{value}, {clock(notice.time, notice.zone)}",
        "\n".join(lines) + "\n",
    )


def _prefix(purpose: Purpose, language: str) -> str:
    known = {**UNANSWERED, Purpose.LEVEL: Words("tăng mức", "worse")}
    return f"{known[purpose].in_language(language)}: " if purpose in known else ""


def _closing_letter_vi(notice: Notice) -> Letter:
    title, station = notice.texts.title.vi, notice.station.vi
    lines = [
        f"{station}: {title} đã hết.",
        f"Từ: {_moment(notice.raised_at, notice.zone)}",
        f"Đến: {_moment(notice.time, notice.zone)}",
    ]
    lines += (
        [] if notice.value is None else [f"{_label(notice, 'vi', 'Giá trị hiện nay')}: {_value_words(notice, 'vi')}"]
    )
    lines += ["", f"Cảnh báo số {notice.alarm_id} đã kết thúc."]
    return Letter(f"[Hết cảnh báo] {title}: {station}, {clock(notice.time, notice.zone)}", "\n".join(lines) + "\n")


def _closing_letter_en(notice: Notice) -> Letter:
    title, station = notice.texts.title.en, notice.station.en
    lines = [
        f"{station}: {title} is over.",
        f"From: {_moment(notice.raised_at, notice.zone)}",
        f"To: {_moment(notice.time, notice.zone)}",
    ]
    lines += [] if notice.value is None else [f"{_label(notice, 'en', 'Value now')}: {_value_words(notice, 'en')}"]
    lines += ["", f"Alarm {notice.alarm_id} has ended."]
    return Letter(f"[All clear] {title}: {station}, {clock(notice.time, notice.zone)}", "\n".join(lines) + "\n")


def _measured(notice: Notice, language: str, *, value: str, limit: str, trend: str) -> list[str]:
    lines = [] if notice.value is None else [f"{_label(notice, language, value)}: {_value_words(notice, language)}"]
    lines += [] if notice.limit is None else [f"{limit}: {_limit_words(notice, language)}"]
    lines += [] if notice.trend is None else [f"{trend}: {notice.trend.words.in_language(language)}"]
    return lines


def _label(notice: Notice, language: str, otherwise: str) -> str:
    """Return what stands before the value in a mail."""
    measure = notice.texts.measure
    if measure is None:
        return otherwise
    words = measure.in_language(language)
    return words[0].upper() + words[1:]


def _advice(texts: RuleTexts, language: str, *, cause: str, consequence: str, response: str) -> list[str]:
    known = [(cause, texts.cause), (consequence, texts.consequence), (response, texts.response)]
    lines = [f"{word}: {words.in_language(language)}" for word, words in known if words is not None]
    return ["", *lines] if lines else []


def _moment(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%H:%M:%S %d/%m/%Y")
