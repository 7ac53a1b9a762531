"""The texts of summaries, in Vietnamese and English. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerts.alarm.change import EndCause, Purpose
from alerts.telling import gsm
from alerts.telling.letter import REMARK_HEADS, Letter
from alerts.telling.notice import CAUSES, SEVERITY_WORDS, clock, number
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.words import Words, counted

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
    value: float | None = None
    """The worst while it stood; None: it has none that says something to people."""
    limit: float | None = None
    unit: str = ""
    decimals: int = 2
    is_of_readings: bool = False
    """Its value is a reading, not a change or a departure."""
    ended_by: EndCause | None = None
    """What ended it, where its readings had not returned to normal."""

    @property
    def is_over(self) -> bool:
        """Whether its readings have returned to normal."""
        return self.cleared_at is not None and self.ended_by is None

    @property
    def rank(self) -> tuple[bool, Severity, float]:
        """How bad it is: what stands before what is over, then the severity, then how far beyond its limit."""
        beyond = 0.0
        if self.value is not None and self.limit is not None:
            beyond = abs(self.value - self.limit) / (abs(self.limit) or 1.0)
        return not self.is_over, self.severity, beyond

    def what(self, language: str) -> str:
        """Return what is wrong, and its value: `Oxy thấp 0,80 mg/l`."""
        title = self.title.in_language(language)
        if self.value is None:
            return title
        return f"{title} {number(f'{self.value:.{self.decimals}f}', language)} {self.unit}".rstrip()


def worst_first(lines: Iterable[SummaryLine]) -> list[SummaryLine]:
    """Return alarms by how bad they are."""
    return sorted(lines, key=lambda line: line.rank, reverse=True)


def sms(lines: Sequence[SummaryLine], purpose: Purpose, now: datetime, language: str, *, accented: bool = False) -> str:
    """Return one short message: the worst, how many, how many are over, and as many stations as fit one part."""
    vi = language == "vi"
    accented = accented and vi
    if purpose is Purpose.SUMMARY and len(lines) == 1:
        return gsm.capped(gsm.aired(_alone(lines[0], language), accented=accented))
    ordered = worst_first(lines)
    if purpose is Purpose.LATE:
        head = "Số liệu đến muộn" if vi else "Late data"
        tail = "Đã qua, không phải hiện tại." if vi else "Past, not now."
        told = [f"{line.station.in_language(language)}: {line.what(language)}, {_period(line)}" for line in ordered]
    else:
        head, tail = _storm(ordered, now, language), ""
        told = [f"{name} {count}" for name, count in _by_station(ordered, language)]
    more = "còn nữa" if vi else "and more"
    return gsm.capped(gsm.aired(_fitting(head, told, tail, more, accented=accented), accented=accented))


def _storm(ordered: Sequence[SummaryLine], now: datetime, language: str) -> str:
    """Return the worst of several alarms and how many there are; of those that are over, that they are."""
    vi, worst, count = language == "vi", ordered[0], len(ordered)
    over = sum(line.is_over for line in ordered)
    what, at = f"{worst.what(language)}, {worst.station.in_language(language)}", clock(now, worst.zone)
    if over == count:
        said = (
            f"HẾT CẢNH BÁO: {count} cảnh báo đã hết, nặng nhất: "
            if vi
            else f"ALL CLEAR: {count} alarms are over, worst: "
        )
        return f"{said}{what}. {at}"
    ended = "" if not over else f" ({over} đã hết)" if vi else f" ({over} over)"
    of_all = f"Nặng nhất trong {count} cảnh báo mới" if vi else f"The worst of {count} new alarms"
    return f"{SEVERITY_WORDS[worst.severity].in_language(language).upper()}: {what}. {of_all}{ended}, {at}"


def _alone(line: SummaryLine, language: str) -> str:
    """Return the text about a single alarm that was held while it came or went."""
    what = f"{line.station.in_language(language)}: {line.title.in_language(language)}, {_when(line, language)}"
    if line.cleared_at is None:
        return f"{what}, {'chưa hết' if language == 'vi' else 'still on'}."
    return f"{what}, {_ending(line, language)}."


def _ending(line: SummaryLine, language: str) -> str:
    if line.ended_by is None:
        return "đã hết" if language == "vi" else "over"
    doubt = "chưa chắc đã hết" if language == "vi" else "it may not be over"
    return f"{CAUSES[line.ended_by].in_language(language)}, {doubt}"


def _letter_alone(line: SummaryLine, language: str) -> Letter:
    what, where = line.title.in_language(language), line.station.in_language(language)
    kind = SEVERITY_WORDS[line.severity].in_language(language)
    if line.cleared_at is not None:
        kind = "Đã hết" if language == "vi" else "Over"
    if line.ended_by is not None:
        kind = REMARK_HEADS[Purpose.WITHDRAWN].in_language(language)
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
        text = f"{head}: {shown}. {tail}".rstrip()
        if count == 1 or gsm.length(gsm.aired(text, accented=accented)).segments <= 1 + accented:
            return text
    return f"{head}. {tail}".rstrip()


def email(lines: Sequence[SummaryLine], purpose: Purpose, language: str) -> Letter:
    """Return subject and body; the body lists the alarms."""
    vi, late = language == "vi", purpose is Purpose.LATE
    if len(lines) == 1 and not late:
        return _letter_alone(lines[0], language)
    ordered = worst_first(lines)
    worst, stands = ordered[0], not ordered[0].is_over
    what = f"{worst.what(language)}, {worst.station.in_language(language)}"
    if late:
        passed = counted(len(lines), "cảnh báo đã qua" if vi else "alarm of the past|alarms of the past")
        subject = f"[{'Đến muộn' if vi else 'Late'}] {passed}"
        first = "Số liệu đến muộn cho thấy:" if vi else "Data that came late show:"
    elif stands:
        severity = SEVERITY_WORDS[worst.severity].in_language(language)
        subject = f"[{severity}] {what}; {len(lines)} cảnh báo" if vi else f"[{severity}] {what}; {len(lines)} alarms"
        first = "Nhiều cảnh báo cùng lúc, xếp từ nặng nhất:" if vi else "Many alarms at once, the worst first:"
    else:
        subject = f"[Hết cảnh báo] {len(lines)} cảnh báo đã hết" if vi else f"[All clear] {len(lines)} alarms are over"
        first = f"Đã hết. Nặng nhất: {what}." if vi else f"All are over. The worst: {what}."
    listed = [_listed(line, language) for line in ordered[:MOST_LINES]]
    rest = len(lines) - len(listed)
    if rest:
        listed.append(f"… và {rest} cảnh báo nữa" if vi else f"… and {rest} more")
    return Letter(subject, "\n".join([first, "", *listed]) + "\n")


def _listed(line: SummaryLine, language: str) -> str:
    severity = SEVERITY_WORDS[line.severity].in_language(language)
    where, what = line.station.in_language(language), line.what(language)
    ending = f", {_ending(line, language)}" if line.ended_by is not None else ""
    return f"[{severity}] {where}: {what}, {_when(line, language)}{ending} (#{line.alarm_id})"


def _by_station(ordered: Sequence[SummaryLine], language: str) -> list[tuple[str, int]]:
    """Return how many alarms each station has, the station of the worst first; none where there is one station."""
    counts = Counter(line.station.in_language(language) for line in ordered)
    return list(counts.items()) if len(counts) > 1 else []


def _period(line: SummaryLine) -> str:
    """Return `02:10-03:40 24/11`, local."""
    start = line.raised_at.astimezone(line.zone)
    if line.cleared_at is None:
        return f"{start:%H:%M %d/%m}-"
    end = line.cleared_at.astimezone(line.zone)
    same_day = start.date() == end.date()
    return f"{start:%H:%M}-{end:%H:%M %d/%m}" if same_day else f"{start:%H:%M %d/%m}-{end:%H:%M %d/%m}"
