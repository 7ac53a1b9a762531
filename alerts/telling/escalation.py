"""Escalation and reminders: messages to further people while nobody acknowledges an alarm.

About once a second `due_calls` takes the alarms whose next call is due (`alarm.call_at`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec

from alerts.alarm.change import OnRecord, Purpose, Recorded, Untold
from alerts.alarm.life import AlarmEvent, AlarmState
from alerts.alarm.records import NextCall, add_event, wait_for_answer
from alerts.rules.rule import RuleTexts
from alerts.telling.routes import Call, Routing
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity


def next_call(routing: Routing, severity: Severity, since: datetime, after: datetime) -> NextCall | None:
    """Return the first call that is due later than `after`; None: no further one."""
    for call in routing.calls(severity, since):
        if call.at > after:
            to, by = (None, None) if call.step is None else (call.step.to, call.step.by)
            return NextCall(call.at, to, by)
    return None


DUE: Final = f"""
select a.alarm_id, a.severity, a.unanswered_since, a.called_at, a.raised_at, a.texts, a.station,
       coalesce(c.channel, ''), c.parameter, a.value, a."limit", l.value, l.time
from alarm a left join channel c using (channel_id)
left join v_latest l on l.channel = c.channel and l.quality in (1, 2) and l.time >= a.raised_at and l.value is not null
where a.call_at <= %s and a.state = '{AlarmState.UNACKNOWLEDGED}'
order by a.call_at limit 200 for update of a
"""  # noqa: S608 (a word of ours)


def await_answer(conn: Connection, alarm_id: int, severity: Severity, routing: Routing, now: datetime) -> None:
    """Begin to wait for somebody to acknowledge an alarm that people are told of. In the caller's transaction."""
    wait_for_answer(conn, alarm_id, now, partial(next_call, routing, severity, after=now))


def due_calls(conn: Connection, routing: Routing, now: datetime) -> Iterator[Untold]:
    """Record the calls that are due and yield them, in the caller's transaction. Several repeats missed are one."""
    for row in conn.execute(DUE, [now]).fetchall():
        alarm_id, word, since, called_at, *rest = row
        severity = Severity.from_word(word)
        missed = [call for call in routing.calls(severity, since) if called_at < call.at <= now]
        await_answer(conn, alarm_id, severity, routing, now)
        repeated = [call for call in missed if call.step is None][-1:]
        for call in [call for call in missed if call.step is not None] + repeated:
            yield _due(conn, alarm_id, severity, call, rest, now)


def _due(conn: Connection, alarm_id: int, severity: Severity, call: Call, row: list[Any], now: datetime) -> Untold:
    raised_at, texts, station, *about = row
    purpose = Purpose.REPEATED if call.step is None else Purpose.ESCALATED
    to, by = ((), None) if call.step is None else (call.step.to, call.step.by)
    detail = None if by is None else {"to": list(to), "by": list(by)}
    event = add_event(conn, alarm_id, now, AlarmEvent(purpose), now, detail=detail)
    change = Recorded(
        purpose, alarm_id, event, now, raised_at, severity, is_news=True, texts=msgspec.convert(texts, RuleTexts)
    )
    return Untold(change, station, to, by, breaks_quiet_hours=purpose is Purpose.ESCALATED, about=OnRecord(*about))
