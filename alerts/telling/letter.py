"""The e-mail about an alarm, in Vietnamese and English: subject and plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import Purpose
from alerts.telling.notice import (
    REMARKS,
    SEVERITY_WORDS,
    UNANSWERED,
    Notice,
    clock,
    limit_words,
    remark,
    value_words,
)
from quantrac.telemetry.words import Words

REMARK_HEADS: Final = {
    Purpose.QUESTIONED: Words("Đang xem lại", "In doubt"),
    Purpose.WITHDRAWN: Words("Ngừng theo dõi", "No longer watched"),
    Purpose.FLAPPING: Words("Chập chờn", "Comes and goes"),
}
ALL_CLEAR: Final = Words("Hết cảnh báo", "All clear")
WORSE: Final = Words("tăng mức", "worse")
ENDED: Final = Words("Cảnh báo số {} đã kết thúc.", "Alarm {} has ended.")
WATCHED: Final = Words(
    "Cảnh báo số {} vẫn được theo dõi cho đến khi hết.", "Alarm {} is still watched until it is over."
)
NUMBER: Final = Words("Cảnh báo số {}.", "Alarm {}.")
END_FOLLOWS: Final = Words(
    " Khi hết cảnh báo, hệ thống sẽ gửi một thư nữa.", " One more message follows when it is over."
)
IS_OVER: Final = Words("{} đã hết.", "{} is over.")
FROM, UNTIL = Words("Từ", "From"), Words("Đến", "To")
SEVERITY: Final = Words("Mức độ", "Severity")
TIME: Final = Words("Thời điểm", "Time")
LOCAL_TIME: Final = Words("giờ địa phương", "local time")
SINCE: Final = Words("Cảnh báo bắt đầu", "Alarm since")
VALUE, VALUE_NOW = Words("Giá trị", "Value"), Words("Giá trị hiện nay", "Value now")
LIMIT: Final = Words("Ngưỡng", "Limit")
TREND: Final = Words("Xu hướng", "Trend")
CAUSE: Final = Words("Nguyên nhân có thể", "Possible cause")
CONSEQUENCE: Final = Words("Hậu quả", "Consequence")
RESPONSE: Final = Words("Việc cần làm", "What to do")
WITHIN, MINUTES = Words("Xử lý trong vòng", "Respond within"), Words("phút", "minutes")


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail."""

    subject: str
    body: str


def letter(notice: Notice, language: str) -> Letter:
    """Return subject and plain-text body."""
    title, station, number = notice.title(language), notice.station.in_language(language), notice.alarm_id
    if notice.purpose in REMARKS:
        kind, time = REMARK_HEADS[notice.purpose].in_language(language), notice.raised_at
        more = (ENDED if notice.purpose.is_end else WATCHED).in_language(language).format(number)
        lines, where = [remark(notice, language), "", more], station
    elif notice.purpose is Purpose.CLEARED:
        kind, time = ALL_CLEAR.in_language(language), notice.time
        lines, where = [*_ended(notice, language), "", ENDED.in_language(language).format(number)], station
    else:
        kind, time = SEVERITY_WORDS[notice.severity].in_language(language), notice.time
        known = {**UNANSWERED, Purpose.LEVEL: WORSE}
        if notice.purpose in known:
            title = f"{known[notice.purpose].in_language(language)}: {title}"
        follows = END_FOLLOWS.in_language(language) if notice.end_follows else ""
        lines = [*_standing(notice, language), "", NUMBER.in_language(language).format(number) + follows]
        where = f"{station} {value_words(notice, language)}".rstrip()
    return Letter(f"[{kind}] {title}: {where}, {clock(time, notice.zone)}", "\n".join(lines) + "\n")


def _ended(notice: Notice, language: str) -> Iterator[str]:
    yield f"{notice.station.in_language(language)}: {IS_OVER.in_language(language).format(notice.title(language))}"
    yield _line(FROM, _moment(notice.raised_at, notice.zone), language)
    yield _line(UNTIL, _moment(notice.time, notice.zone), language)
    if notice.value is not None:
        yield _line(_measure(notice, VALUE_NOW), value_words(notice, language), language)


def _standing(notice: Notice, language: str) -> Iterator[str]:
    texts, moment = notice.texts, _moment(notice.time, notice.zone)
    yield f"{notice.station.in_language(language)}: {notice.title(language)}"
    yield _line(SEVERITY, SEVERITY_WORDS[notice.severity].in_language(language), language)
    yield _line(TIME, f"{moment} ({LOCAL_TIME.in_language(language)})", language)
    if notice.purpose is Purpose.LEVEL:
        yield _line(SINCE, _moment(notice.raised_at, notice.zone), language)
    if notice.value is not None:
        yield _line(_measure(notice, VALUE), value_words(notice, language), language)
    if notice.limit is not None:
        yield _line(LIMIT, limit_words(notice, language), language)
    if notice.trend is not None:
        yield _line(TREND, notice.trend.words.in_language(language), language)
    known = [(CAUSE, texts.cause), (CONSEQUENCE, texts.consequence), (RESPONSE, texts.response)]
    advice = [_line(label, words.in_language(language), language) for label, words in known if words is not None]
    yield from ["", *advice] if advice else []
    if texts.respond_within_ms is not None:
        yield _line(WITHIN, f"{texts.respond_within_ms // 60_000} {MINUTES.in_language(language)}", language)


def _measure(notice: Notice, otherwise: Words) -> Words:
    """Return what stands before the value: what it is, where it is not a reading."""
    return notice.texts.measure or otherwise


def _line(label: Words, says: str, language: str) -> str:
    word = label.in_language(language)
    return f"{word[0].upper()}{word[1:]}: {says}"


def _moment(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%H:%M:%S %d/%m/%Y")
