"""The texts of summaries, in Vietnamese and English. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import Purpose
from alerts.telling import gsm
from alerts.telling.letter import Letter
from alerts.telling.notice import SEVERITY_WORDS, clock
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words

MOST_LINES: Final = 200
"""Alarms that a mail lists; the rest is counted."""


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One alarm in a summary."""

    alarm_id: int
    severity: Severity
    station: Words
    title: Words
    raised_at: datetime
    cleared_at: datetime | None
    zone: ZoneInfo
    """In which people are told times."""


def sms(lines: Sequence[SummaryLine], purpose: Purpose, now: datetime, language: str, *, accented: bool = False) -> str:
    """Return one short message: how many, how many are over, the worst, and as many stations as fit one part."""
    vi = language == "vi"
    accented = accented and vi
    if purpose is Purpose.SUMMARY and len(lines) == 1:
        return gsm.capped(gsm.aired(_alone(lines[0], language), accented=accented))
    over = sum(line.cleared_at is not None for line in lines)
    worst = max(lines, key=lambda line: (line.cleared_at is None, line.severity))
    if purpose is Purpose.LATE:
        head = "Số liệu đến muộn" if vi else "Late data"
        tail = "Đã qua, không phải hiện tại." if vi else "Past, not now."
        told = [f"{w.station.in_language(language)}: {w.title.in_language(language)} {_period(w)}" for w in lines]
    else:
        ended = "" if not over else f" ({over} đã hết)" if vi else f" ({over} over)"
        head = f"Thêm {len(lines)} cảnh báo" if vi else f"{len(lines)} more alarms"
        head += f"{ended}, {clock(now, worst.zone)}"
        tail = f"{'Nặng nhất' if vi else 'Worst'}: {worst.title.in_language(language)}."
        told = [f"{name} {count}" for name, count in _by_station(lines, language)]
    more = "còn nữa" if vi else "and more"
    return gsm.capped(gsm.aired(_fitting(head, told, tail, more, accented=accented), accented=accented))


def _alone(line: SummaryLine, language: str) -> str:
    """Return the text about a single alarm that was held while it came or went."""
    what = f"{line.station.in_language(language)}: {line.title.in_language(language)}, {_when(line, language)}"
    if line.cleared_at is None:
        return f"{what}, {'chưa hết' if language == 'vi' else 'still on'}."
    return f"{what}, {'đã hết' if language == 'vi' else 'over'}."


def _letter_alone(line: SummaryLine, language: str) -> Letter:
    what, where = line.title.in_language(language), line.station.in_language(language)
    kind = SEVERITY_WORDS[line.severity].in_language(language)
    if line.cleared_at is not None:
        kind = "Đã hết" if language == "vi" else "Over"
    number = f"Cảnh báo số {line.alarm_id}." if language == "vi" else f"Alarm {line.alarm_id}."
    subject = f"[{kind}] {what}: {where}, {_when(line, language)}"
    return Letter(subject, f"{_alone(line, language)}\n\n{number}\n")


def _when(line: SummaryLine, language: str) -> str:
    if line.cleared_at is not None:
        return _period(line)
    return f"{'từ' if language == 'vi' else 'since'} {clock(line.raised_at, line.zone)}"


def _fitting(head: str, told: Sequence[str], tail: str, more: str, *, accented: bool) -> str:
    """Return head, as much of the list as fits one part (accented: two), and tail; at least the first of the list."""
    for count in range(len(told), 0, -1):
        shown = "; ".join(told[:count]) + (f"; {more}" if count < len(told) else "")
        text = f"{head}: {shown}. {tail}"
        if count == 1 or gsm.length(gsm.aired(text, accented=accented)).segments <= 1 + accented:
            return text
    return f"{head}. {tail}"


def email(lines: Sequence[SummaryLine], purpose: Purpose, language: str) -> Letter:
    """Return subject and body; the body lists the alarms."""
    vi, late = language == "vi", purpose is Purpose.LATE
    if len(lines) == 1 and not late:
        return _letter_alone(lines[0], language)
    if late:
        subject = f"[Đến muộn] {len(lines)} cảnh báo đã qua" if vi else f"[Late] {len(lines)} alarms of the past"
        first = "Số liệu đến muộn cho thấy:" if vi else "Data that came late show:"
    else:
        subject = f"[Tóm tắt] {len(lines)} cảnh báo" if vi else f"[Summary] {len(lines)} alarms"
        first = "Nhiều cảnh báo cùng lúc, gửi chung một thư:" if vi else "Many alarms at once, in one message:"
    ordered = sorted(lines, key=lambda line: -line.severity)
    listed = [_listed(line, language) for line in ordered[:MOST_LINES]]
    rest = len(lines) - len(listed)
    if rest:
        listed.append(f"… và {rest} cảnh báo nữa" if vi else f"… and {rest} more")
    return Letter(subject, "\n".join([first, "", *listed]) + "\n")


def _listed(line: SummaryLine, language: str) -> str:
    severity = SEVERITY_WORDS[line.severity].in_language(language)
    where, what = line.station.in_language(language), line.title.in_language(language)
    return f"[{severity}] {where}: {what}, {_period(line)} (#{line.alarm_id})"


def _by_station(lines: Sequence[SummaryLine], language: str) -> list[tuple[str, int]]:
    return Counter(line.station.in_language(language) for line in lines).most_common()


def _period(line: SummaryLine) -> str:
    """Return `02:10-03:40 24/11`, local."""
    start = line.raised_at.astimezone(line.zone)
    if line.cleared_at is None:
        return f"{start:%H:%M %d/%m}-"
    end = line.cleared_at.astimezone(line.zone)
    same_day = start.date() == end.date()
    return f"{start:%H:%M}-{end:%H:%M %d/%m}" if same_day else f"{start:%H:%M %d/%m}-{end:%H:%M %d/%m}"
