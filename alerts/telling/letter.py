"""The e-mail about an alarm, in Vietnamese and English: subject and plain text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerts.alarm.change import CALLS, Purpose
from alerts.telling.notice import SEVERITY_WORDS, Wording, clock
from quantrac.telemetry.words import Words

REMARK_HEADS: Final = {
    Purpose.QUESTIONED: Words("Đang xem lại", "In doubt"),
    Purpose.WITHDRAWN: Words("Chưa chắc đã hết", "Ended, maybe not over"),
    Purpose.FLAPPING: Words("Chập chờn", "Comes and goes"),
}
ALL_CLEAR: Final = Words("Hết cảnh báo", "All clear")
PHONE: Final = Words("Điện thoại trung tâm", "Telephone of the centre")
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
VALUE, VALUE_NOW = Words("Giá trị", "Value"), Words("Giá trị hiện tại", "Value now")
QUALITY: Final = Words("Chất lượng số liệu", "Quality of the value")
LIMIT: Final = Words("Ngưỡng", "Limit")
TREND: Final = Words("Xu hướng", "Trend")
CAUSE: Final = Words("Nguyên nhân có thể", "Possible cause")
CONSEQUENCE: Final = Words("Hậu quả", "Consequence")
RESPONSE: Final = Words("Việc cần làm", "What to do")
WITHIN, MINUTES = Words("Xử lý trong vòng", "Respond within"), Words("phút", "minutes")


class Letter(NamedTuple):
    """An e-mail."""

    subject: str
    body: str


def letter(said: Wording, *, end_follows: bool = True) -> Letter:
    """Return subject and plain-text body; `end_follows`: the reader will be told that the alarm is over."""
    notice, language, title = said.notice, said.language, said.title
    time, where, follows = said.time, said.station, ""
    if said.remark:
        kind, time = REMARK_HEADS[notice.purpose], clock(notice.raised_at, notice.zone)
        lines, number = [said.remark], ENDED if notice.purpose.is_end else WATCHED
    elif notice.purpose is Purpose.CLEARED:
        kind, lines, number = ALL_CLEAR, [*_ended(said)], ENDED
    else:
        kind, lines, number = SEVERITY_WORDS[notice.severity], [*_standing(said)], NUMBER
        where = f"{said.station} {said.value}".rstrip()
        heads = ", ".join(filter(None, (said.unanswered, said.worse)))
        title = f"{heads}: {title}" if heads else title
        follows = END_FOLLOWS.in_language(language) if end_follows else ""
    calls = [] if notice.phone is None else [_line(PHONE, notice.phone, language)]
    body = [*lines, "", *calls, number.in_language(language).format(notice.alarm_id) + follows]
    return Letter(f"[{kind.in_language(language)}] {title}: {where}, {time}", "\n".join(body) + "\n")


def _ended(said: Wording) -> Iterator[str]:
    notice, language = said.notice, said.language
    yield f"{said.station}: {IS_OVER.in_language(language).format(said.title)}"
    yield _line(FROM, _moment(notice.raised_at, notice.zone), language)
    yield _line(UNTIL, _moment(notice.time, notice.zone), language)
    if said.value:
        yield _line(notice.texts.measure or VALUE_NOW, said.value, language)


def _standing(said: Wording) -> Iterator[str]:
    notice, language, texts = said.notice, said.language, said.notice.texts
    moment = _moment(notice.time, notice.zone)
    yield f"{said.station}: {said.title}"
    yield _line(SEVERITY, ", ".join(filter(None, (said.severity, said.worse.lower()))), language)
    yield _line(TIME, f"{moment} ({LOCAL_TIME.in_language(language)})", language)
    is_later = notice.time != notice.raised_at
    if is_later or notice.purpose is Purpose.LEVEL:
        yield _line(SINCE, _moment(notice.raised_at, notice.zone), language)
    label = texts.measure or (VALUE_NOW if is_later and notice.purpose in CALLS else VALUE)
    found = ((label, said.value), (QUALITY, said.suspicion), (LIMIT, said.limit), (TREND, said.trend))
    yield from (_line(label, words, language) for label, words in found if words)
    causes = ((CAUSE, texts.cause), (CONSEQUENCE, texts.consequence))
    known = [(label, words.in_language(language)) for label, words in causes if words is not None]
    advice = [_line(label, words, language) for label, words in (*known, (RESPONSE, said.response)) if words]
    yield from ["", *advice] if advice else []
    if texts.respond_within_ms is not None:
        yield _line(WITHIN, f"{texts.respond_within_ms // 60_000} {MINUTES.in_language(language)}", language)


def _line(label: Words, says: str, language: str) -> str:
    word = label.in_language(language)
    return f"{word[0].upper()}{word[1:]}: {says}"


def _moment(time: datetime, zone: ZoneInfo) -> str:
    return time.astimezone(zone).strftime("%H:%M:%S %d/%m/%Y")
