"""Questions alarms: after a flag or correction, would one have risen with the readings as they are judged now?

The rule is run again over the day up to the rise. If its alarm does not stand at the end of that, the alarm is marked
as questioned, once, and everybody who got a message about it learns of the doubt, unless it was over long ago: who
judges a year again sends nobody messages about last spring. Only its readings or a person end it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from alerts.alarm.change import Purpose, Recorded
from alerts.alarm.life import OVER, AlarmAct, AlarmState
from alerts.alarm.records import act_on
from alerts.evaluating.judged_readings import read_blocks
from alerts.evaluating.late import reach_back_ms, replay
from alerts.evaluating.reading_window import ReadingWindow, milliseconds
from alerts.evaluating.readings import JUDGES
from alerts.rules.rule import ChannelRule, RuleTexts
from quantrac.database.feed import Cause, Change
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity

LOOK_BACK_MS: Final = 86_400_000
"""How much before the rise the rule is run from, at least: a gap may lie within its delay."""
LONGEST_REACH: Final = timedelta(days=8)
"""A reading can have had a part in an alarm that rose so long after it: the longest window and delay."""
TOLD_FOR: Final = timedelta(days=7)
"""People are told of the doubt about an alarm that is over, while it rose no longer ago."""

ANY: Final = "select exists (select from alarm where station = any(%s) and raised_at >= %s and (not late or %s))"
CANDIDATES: Final = """
select a.alarm_id, a.rule, a.station, a.channel_id, a.severity, a.raised_at, a.texts, a.state, a.late
from alarm a
where a.station = %(station)s and (a.channel_id = any(%(channels)s) or a.channel_id is null)
  and (not a.late or %(withdrawn)s)
  and a.raised_at >= %(from)s and a.raised_at <= %(to)s
  and not exists (select from alarm_event e where e.alarm_id = a.alarm_id and e.event = 'questioned')
order by a.alarm_id
"""
JUDGED: Final = """
select coalesce(f.test, f.by), f.flag from reading_flag f
where f.channel_id = any(%s) and f.time >= %s and f.time <= %s order by f.flag_id desc limit 1
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An alarm whose rise may rest on readings of a changed stretch."""

    alarm_id: int
    rule: str
    station: str
    channel_id: int | None
    severity: Severity
    raised_at: datetime
    texts: RuleTexts
    is_over: bool
    is_late: bool
    """Late readings brought it to light. Only that they were taken back puts it in doubt, and people are not told."""

    def is_news(self, now: datetime) -> bool:
        """Tell whether people still want to hear that it is in doubt: it stands, or rose not long ago."""
        return not self.is_late and (not self.is_over or now - self.raised_at <= TOLD_FOR)


def question(
    conn: Connection, changes: Iterable[Change], still_rises: Callable[[Candidate], bool], now: datetime
) -> Iterator[tuple[Candidate, Recorded]]:
    """Mark the alarms that would not have risen with the readings as they are judged now. In a transaction.

    `still_rises` runs an alarm's rule again; True also where its rule is there no more.
    """
    seen: set[int] = set()
    judged = [c for c in changes if c.cause in JUDGES]
    if not judged or not _any_alarms(conn, judged):
        return
    for change in judged:
        for candidate in _candidates(conn, change):
            if candidate.alarm_id in seen or still_rises(candidate):
                continue
            seen.add(candidate.alarm_id)
            event = act_on(conn, candidate.alarm_id, AlarmAct.QUESTION, now, reason=_reason(conn, change))
            assert event is not None
            yield candidate, Recorded(
                Purpose.QUESTIONED, candidate.alarm_id, event, now, candidate.raised_at, candidate.severity, False,
                candidate.texts,
            )  # fmt: skip


def stands_at_rise(conn: Connection, rule: ChannelRule, channel_id: int, raised_at: datetime) -> bool:
    """Whether a rule on a channel still raises at a time, with the readings as they are judged now."""
    raised_ms = milliseconds(raised_at)
    start_ms = raised_ms - LOOK_BACK_MS - reach_back_ms(rule)
    block = read_blocks(conn, [ReadingWindow(channel_id, rule.channel, start_ms, raised_ms)]).get(channel_id)
    return block is not None and replay(rule, [block]).stands


def _any_alarms(conn: Connection, changes: list[Change]) -> bool:
    """Whether any alarm rose since the readings of changes: quality flags all day, and mostly nothing stands."""
    stations, since = sorted({change.station for change in changes}), min(change.from_t for change in changes)
    withdrawn = any(change.cause is Cause.WITHDRAWN for change in changes)
    return conn.execute(ANY, [stations, since, withdrawn]).fetchone() == (True,)


def _candidates(conn: Connection, change: Change) -> list[Candidate]:
    window = {
        "station": change.station,
        "channels": list(change.channels),
        "from": change.from_t,
        "to": change.to_t + LONGEST_REACH,
        "withdrawn": change.cause is Cause.WITHDRAWN,
    }
    return [
        Candidate(
            id_,
            rule,
            station,
            channel,
            Severity.from_word(word),
            raised_at,
            msgspec.convert(texts, RuleTexts),
            AlarmState(state) in OVER,
            late,
        )
        for id_, rule, station, channel, word, raised_at, texts, state, late in conn.execute(
            CANDIDATES, window
        ).fetchall()
    ]


def _reason(conn: Connection, change: Change) -> str:
    if change.cause is Cause.CORRECTION:
        return "readings that raised it were corrected"
    if change.cause is Cause.WITHDRAWN:
        return "readings that raised it were taken back: their import was undone"
    row = conn.execute(JUDGED, [list(change.channels), change.from_t, change.to_t]).fetchone()
    return "readings that raised it were flagged" + (f" by {row[0]}" if row is not None else "")
