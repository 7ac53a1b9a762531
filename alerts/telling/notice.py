"""A notice: the content of a message about an alarm before it has a form, and the words all forms share. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import EndCause, Purpose
from alerts.rules.rule import RuleTexts
from alerts.rules.trend import Trend
from quantrac.config.rules import Side
from quantrac.telemetry.indices.vn_aqi import class_of
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

MOST_DECIMALS: Final = 6

SEVERITY_WORDS: Final = {
    Severity.LOW: Words("Lưu ý", "Notice"),
    Severity.MEDIUM: Words("Nguy cơ", "Warning"),
    Severity.HIGH: Words("Nghiêm trọng", "High alarm"),
    Severity.CRITICAL: Words("KHẨN CẤP", "URGENT"),
}
SIDE_WORDS: Final = {Side.BELOW: Words("dưới", "below"), Side.ABOVE: Words("trên", "above")}
WORSE: Final = Words("NẶNG HƠN", "WORSE")
UNANSWERED: Final = {
    Purpose.ESCALATED: Words("chưa ai xác nhận", "not acknowledged"),
    Purpose.REPEATED: Words("nhắc lại", "reminder"),
}
REMARKS: Final = {
    Purpose.QUESTIONED: Words(
        "{station}: cảnh báo {title} lúc {time} ĐANG ĐƯỢC XEM LẠI: số liệu gây cảnh báo có dấu hiệu sai.",
        "{station}: alarm {title} of {time} IS IN DOUBT: the readings that raised it look wrong.",
    ),
    Purpose.WITHDRAWN: Words(
        "{station}: {title} (báo lúc {time}): {cause}{now}. Chưa chắc đã hết.",
        "{station}: {title} of {time}: {cause}{now}. It may not be over.",
    ),
    Purpose.FLAPPING: Words(
        "{station}: {title} CHẬP CHỜN, lúc có lúc hết. Không nhắn từng lần cho đến khi ổn định. {time}",
        "{station}: {title} COMES AND GOES. No message each time until it settles. {time}",
    ),
}
"""Messages about an alarm rather than of it."""
CAUSES: Final = {
    EndCause.LIMIT_CHANGED: Words("ĐÃ ĐỔI NGƯỠNG cảnh báo", "LIMIT CHANGED"),
    EndCause.LEVEL_REMOVED: Words("ĐÃ BỎ MỨC cảnh báo này", "LEVEL REMOVED"),
    EndCause.TERM_CHANGED: Words("ĐÃ ĐỔI THỜI HẠN cảnh báo", "TIME LIMIT CHANGED"),
    EndCause.STATION_SILENT: Words("TRẠM KHÔNG GỬI SỐ LIỆU", "STATION SENDS NO DATA"),
    EndCause.MEASURE_CHANGED: Words("ĐÃ ĐỔI CÁCH TÍNH cảnh báo", "RULE CHANGED"),
    EndCause.NOT_IN_FORCE: Words("NGOÀI THỜI GIAN ÁP DỤNG ngưỡng", "LIMIT NOT IN FORCE at this hour or season"),
    EndCause.RULE_REMOVED: Words("ĐÃ BỎ cảnh báo này, NGỪNG THEO DÕI", "RULE REMOVED, NO LONGER WATCHED"),
    EndCause.UNWATCHED: Words("NGỪNG THEO DÕI ở đây", "NO LONGER WATCHED here"),
    EndCause.STATION_INACTIVE: Words("TRẠM NGỪNG HOẠT ĐỘNG", "STATION NOT IN USE any more"),
    EndCause.CHANNEL_INACTIVE: Words("ĐẦU ĐO NGỪNG HOẠT ĐỘNG", "SENSOR NOT IN USE any more"),
    EndCause.NOT_ASKED_FOR: Words("NGỪNG THEO DÕI theo cấu hình mới", "NO LONGER WATCHED, settings changed"),
}
"""What ends an alarm whose readings have not returned to normal."""
STILL, NOW = Words("hiện vẫn", "still"), Words("hiện", "now")


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
    cause: EndCause | None = None
    """What ends it, where its readings have not returned to normal."""
    channel: str = ""
    """`<station>/<name>`; empty where a station as a whole is meant."""
    value: float | None = None
    limit: float | None = None
    side: Side | None = None
    unit: str = ""
    decimals: int = 2
    trend: Trend | None = None
    """None: too few readings to say."""
    suspicion: Words | None = None
    """What tests say against the value; None: nothing."""
    phone: str | None = None
    """Where people call the centre."""
    is_worse: bool = False
    """A level more severe than any that was told of this alarm."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A notice in one language: what its texts are made of. Empty: there is nothing to say."""

    notice: Notice
    language: str
    """`vi` or `en`."""
    title: str
    """What the rule says is wrong."""
    station: str
    severity: str
    unanswered: str
    """That nobody has acknowledged the alarm."""
    worse: str
    """That it is worse than what was told before."""
    remark: str
    """What is said about the alarm, in place of what is said of it; see `REMARKS`."""
    time: str
    """`05:10 01/03`, local."""
    measure: str
    """What the value is, where it is not a reading."""
    value: str
    """`2,80 mg/l`."""
    limit: str
    """`dưới 3 mg/l`."""
    trend: str
    suspicion: str
    """What tests say against the value."""
    response: str
    """What to do."""
    template: str
    """The rule's own short message, with its placeholders."""
    placeholders: Mapping[str, str]
    """What may stand in `{…}` of a rule's own short message."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The notice as data: numbers and UTC times for programs, `words` for registered templates."""
        notice = self.notice
        return {
            "purpose": notice.purpose.value,
            "language": self.language,
            "alarm_id": notice.alarm_id,
            "severity": notice.severity.word,
            "channel": notice.channel or None,
            "time": _utc(notice.time),
            "raised_at": _utc(notice.raised_at),
            "value": notice.value,
            "limit": notice.limit,
            "unit": notice.unit or None,
            "words": {**self.placeholders, "alarm": str(notice.alarm_id), "response": self.response},
        }


def worded(notice: Notice, language: str) -> Wording:
    """Return a notice in a language."""

    def said(words: Words | None) -> str:
        return "" if words is None else words.in_language(language)

    texts, unit, purpose = notice.texts, notice.unit, notice.purpose
    title, station = said(texts.title), said(notice.station)
    trend = "" if notice.trend is None else said(notice.trend.words)
    severity, time = said(SEVERITY_WORDS[notice.severity]), clock(notice.time, notice.zone)
    value = "" if notice.value is None else _value(notice, notice.value, language)
    limit = "" if notice.limit is None else number(f"{notice.limit:.10g}", language)
    side = "" if notice.side is None else said(SIDE_WORDS[notice.side])
    of_index = class_of(notice.value) if texts.is_vn_aqi and notice.value is not None else None
    advice = "" if of_index is None else said(of_index.advice)
    known = {
        "title": title, "level": severity, "channel": notice.channel, "station": station, "time": time,
        "value": value, "limit": limit, "unit": unit, "trend": trend,
        "class": "" if of_index is None else said(of_index.words), "advice": advice,
    }  # fmt: skip
    return Wording(
        notice=notice,
        language=language,
        title=title,
        station=station,
        severity=severity,
        unanswered=said(UNANSWERED.get(purpose)),
        worse=said(WORSE if notice.is_worse else None),
        remark=fill(
            said(REMARKS.get(purpose)),
            {
                **known,
                "time": clock(notice.raised_at, notice.zone),
                "cause": "" if notice.cause is None else said(CAUSES[notice.cause]),
                "now": value and _now(notice, said(texts.measure), f"{value} {unit}".rstrip(), language),
            },
        ),
        time=time,
        measure=said(texts.measure),
        value=value and f"{value} {unit}".rstrip(),
        limit=limit and f"{side} {limit} {unit}".strip(),
        trend=trend,
        suspicion=said(notice.suspicion),
        response=said(texts.response) or advice,
        template=said(texts.sms_cleared if purpose is Purpose.CLEARED else texts.sms),
        placeholders=known,
    )


def _now(notice: Notice, measure: str, value: str, language: str) -> str:
    """Return `, still 2.50 mg/l`, or `now` where the value is not beyond the limit any more."""
    beyond = (
        notice.value is not None
        and notice.limit is not None
        and notice.side is not None
        and _is_beyond(notice.value, notice.limit, notice.side)
    )
    still = (STILL if beyond else NOW).in_language(language)
    return ", " + " ".join(filter(None, (measure, still, value)))


def fill(template: str, texts: Mapping[str, str]) -> str:
    """Return a template with `{name}` replaced by its text; a name that has none stays as it is written."""
    return re.sub(r"\{(\w+)\}", lambda match: texts.get(match[1], match[0]), template)


def clock(time: datetime, zone: ZoneInfo) -> str:
    """Return `05:10 01/03`, local."""
    return time.astimezone(zone).strftime("%H:%M %d/%m")


def _value(notice: Notice, value: float, language: str) -> str:
    """Return the value with a further decimal where it would look as if it were not beyond the limit (1.998 < 2)."""
    decimals = notice.decimals
    if notice.limit is not None and notice.side is not None and _is_beyond(value, notice.limit, notice.side):
        while decimals < MOST_DECIMALS and not _is_beyond(round(value, decimals), notice.limit, notice.side):
            decimals += 1
    return number(f"{value:.{decimals}f}", language)


def _is_beyond(value: float, limit: float, side: Side) -> bool:
    return value < limit if side is Side.BELOW else value > limit


def number(digits: str, language: str) -> str:
    """Return a number as people write it: a decimal comma in Vietnamese, a point in English."""
    return digits.replace(".", ",") if language == "vi" else digits


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
