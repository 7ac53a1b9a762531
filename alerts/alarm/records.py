"""The life of an alarm as rows: raised, changes of level, cleared; each with its event. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg.types.json import Jsonb

from alerts.alarm.purpose import Purpose
from alerts.rules.rule import RuleTexts
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alarm is about."""

    rule: str
    station: str | None
    """None: the centre itself."""
    channel_id: int | None
    """None: the station as a whole."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The level that an alarm reaches, and the value that took it there."""

    level: str
    severity: Severity
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A change that now stands in the history; `severity` is the level's, at the end the worst that was reached."""

    purpose: Purpose
    alarm_id: int
    alarm_event_id: int
    time: datetime
    raised_at: datetime
    severity: Severity
    is_news: bool
    """A level more severe than any that this alarm has reached (raised: True; cleared: False)."""
    texts: RuleTexts


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What the row of an alarm knows of its measurement."""

    channel: str
    """Empty: the station or the centre as a whole."""
    parameter: str | None
    value: float | None
    limit: float | None


RAISE: Final = """
insert into alarm (rule, level, station, channel_id, severity, state, raised_at, value, "limit", texts, latched)
values (%s, %s, %s, %s, %s, 'active', %s, %s, %s, %s, %s) returning alarm_id
"""
STANDING: Final = """
select alarm_id, severity, raised_at, texts, latched, returned_at from alarm
where rule = %s and station is not distinct from %s and channel_id is not distinct from %s and cleared_at is null
  and not late for update
"""
WORSE: Final = """
update alarm set level = %s, severity = %s, value = %s, "limit" = %s,
  state = case when state = 'acknowledged' then 'active' else state end, acknowledged_at = null, acknowledged_by = null
where alarm_id = %s
"""
MILDER: Final = 'update alarm set level = %s, severity = %s, value = %s, "limit" = %s where alarm_id = %s'
CLEAR: Final = """
update alarm set cleared_at = greatest(%s, raised_at), state = 'cleared', call_at = null where alarm_id = %s
"""
LATCH: Final = """
update alarm set returned_at = greatest(%s, raised_at), state = 'latched', call_at = null where alarm_id = %s
"""
RAISE_AGAIN: Final = """
update alarm set level = %s, severity = %s, value = %s, "limit" = %s, state = 'active', returned_at = null,
  acknowledged_at = null, acknowledged_by = null, unanswered_since = null, called_at = null
where alarm_id = %s
"""
REACHED: Final = "select detail->>'severity' from alarm_event where alarm_id = %s and event in ('raised', 'level')"
EVENT: Final = """
insert into alarm_event (alarm_id, time, event, person, reason, detail, at) values (%s, %s, %s, %s, %s, %s, %s)
returning alarm_event_id
"""


def raise_alarm(
    conn: Connection, subject: Subject, mark: Mark, time: datetime, texts: RuleTexts, now: datetime
) -> Recorded:
    """Record a new alarm; raises UniqueViolation where one of that rule and channel stands already."""
    row = conn.execute(
        RAISE,
        [
            subject.rule, mark.level, subject.station, subject.channel_id, mark.severity.word,
            time, mark.value, mark.limit, Jsonb(msgspec.to_builtins(texts)), texts.latched,
        ],
    ).fetchone()  # fmt: skip
    assert row is not None
    event = add_event(conn, row[0], time, "raised", now, detail=_detail(mark))
    return Recorded(Purpose.RAISED, row[0], event, time, time, mark.severity, True, texts)


def change_level(conn: Connection, subject: Subject, mark: Mark, time: datetime, now: datetime) -> Recorded | None:
    """Record another level of the standing alarm; a worse one must be acknowledged again. None: no alarm stands."""
    standing = _standing(conn, subject)
    if standing is None:
        return None
    alarm_id, severity, raised_at, texts, _, returned_at = standing
    if returned_at is not None:
        conn.execute(RAISE_AGAIN, [mark.level, mark.severity.word, mark.value, mark.limit, alarm_id])
        event = add_event(conn, alarm_id, time, "raised", now, reason="again, while latched", detail=_detail(mark))
        return Recorded(Purpose.RAISED, alarm_id, event, time, time, mark.severity, True, texts)
    worse = mark.severity > severity
    is_news = mark.severity > max((severity, *_reached(conn, alarm_id)))
    conn.execute(WORSE if worse else MILDER, [mark.level, mark.severity.word, mark.value, mark.limit, alarm_id])
    event = add_event(conn, alarm_id, time, "level", now, detail=_detail(mark))
    return Recorded(Purpose.LEVEL, alarm_id, event, time, raised_at, mark.severity, is_news, texts)


def clear_alarm(
    conn: Connection, subject: Subject, value: float | None, time: datetime, now: datetime, reason: str | None = None
) -> Recorded | None:
    """Record that the standing alarm is over; None: no alarm stands.

    A latched one stays until a person resets it; a `reason` other than its readings ends it for good.
    """
    standing = _standing(conn, subject)
    if standing is None:
        return None
    alarm_id, severity, raised_at, texts, latched, returned_at = standing
    if returned_at is not None and reason is None:
        return None
    stays = latched and reason is None
    conn.execute(LATCH if stays else CLEAR, [time, alarm_id])
    event = add_event(
        conn, alarm_id, time, "returned to normal" if stays else "cleared", now, reason=reason, detail={"value": value}
    )
    worst = max((severity, *_reached(conn, alarm_id)))
    purpose = Purpose.CLEARED if reason is None else Purpose.WITHDRAWN
    return Recorded(purpose, alarm_id, event, time, raised_at, worst, False, texts)


OVERLAPPING: Final = """
select alarm_id, late, severity from alarm where rule = %(rule)s and station = %(station)s
  and channel_id is not distinct from %(channel)s and raised_at <= %(cleared)s
  and coalesce(cleared_at, 'infinity') >= %(raised)s
order by late, raised_at for update
"""
RAISE_LATE: Final = """
insert into alarm
  (rule, level, station, channel_id, severity, state, raised_at, cleared_at, value, "limit", texts, late)
values (%s, %s, %s, %s, %s, 'cleared', %s, %s, %s, %s, %s, true) returning alarm_id
"""
WIDEN_LATE: Final = """
update alarm set raised_at = least(raised_at, %s), cleared_at = greatest(cleared_at, %s) where alarm_id = %s
"""
WORSEN_LATE: Final = 'update alarm set level = %s, severity = %s, value = %s, "limit" = %s where alarm_id = %s'


def record_late(
    conn: Connection,
    subject: Subject,
    mark: Mark,
    period: tuple[datetime, datetime],
    texts: RuleTexts,
    to: Sequence[str],
    now: datetime,
) -> int | None:
    """Record an alarm of the past, raised and cleared in `period`; None: it stands on record already.

    One that overlaps an alarm that was told as it happened is nothing new; one that overlaps another alarm of the past
    widens it: late readings come in pieces. `to` are the groups that its summary goes to.
    """
    raised_at, cleared_at = period
    key = {"rule": subject.rule, "station": subject.station, "channel": subject.channel_id}
    known = conn.execute(OVERLAPPING, {**key, "raised": raised_at, "cleared": cleared_at}).fetchone()
    if known is None:
        row = conn.execute(
            RAISE_LATE,
            [
                subject.rule, mark.level, subject.station, subject.channel_id, mark.severity.word,
                raised_at, cleared_at, mark.value, mark.limit, Jsonb(msgspec.to_builtins(texts)),
            ],
        ).fetchone()  # fmt: skip
        assert row is not None
        add_event(conn, row[0], raised_at, "late", now, detail=_detail(mark) | {"to": list(to)})
        return int(row[0])
    alarm_id, late, severity = known
    if late:
        conn.execute(WIDEN_LATE, [raised_at, cleared_at, alarm_id])
        if mark.severity > Severity.from_word(severity):
            conn.execute(WORSEN_LATE, [mark.level, mark.severity.word, mark.value, mark.limit, alarm_id])
    return None


def add_event(
    conn: Connection,
    alarm_id: int,
    time: datetime,
    event: str,
    now: datetime,
    *,
    person: str | None = None,
    reason: str | None = None,
    detail: dict[str, Any] | None = None,
) -> int:
    """Append to the history of an alarm and return the event's id; `time` is the event's own, `now` that of the row."""
    content = None if detail is None else Jsonb(detail)
    row = conn.execute(EVENT, [alarm_id, time, event, person, reason, content, now]).fetchone()
    assert row is not None
    return int(row[0])


def standing_subjects(conn: Connection, rules: Sequence[str] | None = None) -> list[tuple[Subject, str | None]]:
    """Return what alarms stand about, with the channel's name; `rules`: only of these."""
    rows = conn.execute(
        """
        select a.rule, a.station, a.channel_id, c.channel from alarm a left join channel c using (channel_id)
        where a.cleared_at is null and not a.late and (%(rules)s::text[] is null or a.rule = any(%(rules)s))
        order by a.alarm_id
        """,
        {"rules": None if rules is None else list(rules)},
    )
    return [(Subject(rule, station, channel_id), channel) for rule, station, channel_id, channel in rows]


def _standing(
    conn: Connection, subject: Subject
) -> tuple[int, Severity, datetime, RuleTexts, bool, datetime | None] | None:
    row = conn.execute(STANDING, [subject.rule, subject.station, subject.channel_id]).fetchone()
    if row is None:
        return None
    alarm_id, severity, raised_at, texts, latched, returned_at = row
    return alarm_id, Severity.from_word(severity), raised_at, msgspec.convert(texts, RuleTexts), latched, returned_at


def _reached(conn: Connection, alarm_id: int) -> list[Severity]:
    """Return the severities that the alarm has had."""
    rows = conn.execute(REACHED, [alarm_id])
    return [Severity.from_word(word) for (word,) in rows]


def _detail(mark: Mark) -> dict[str, Any]:
    return {"level": mark.level, "severity": mark.severity.word, "value": mark.value, "limit": mark.limit}
