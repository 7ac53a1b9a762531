"""Escalation and reminders: messages to further people while nobody acknowledges an alarm.

`next_call` is pure. `call_again` asks, about once a second, for alarms whose next call is due (`alarm.call_at`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import msgspec

from alerts.alarm.change import OnRecord, Purpose, Recorded, Untold
from alerts.alarm.life import AlarmEvent, AlarmState
from alerts.alarm.records import add_event, wait_for_answer
from alerts.rules.rule import RuleTexts
from alerts.telling.routes import Routing
from quantrac.config.notifications import EscalationStep
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity


@dataclass(frozen=True, slots=True)
class Call:
    """One time at which people are told of an alarm that nobody has acknowledged."""

    at: datetime
    step: EscalationStep | None
    """Whom the step names; None: whoever was told before."""


def calls(routing: Routing, severity: Severity, since: datetime) -> list[Call]:
    """Return the calls of an alarm that nobody acknowledges from `since` on, in order."""
    found = [
        Call(since + timedelta(milliseconds=step.after_ms), step)
        for step in routing.escalation
        if severity in step.severity
    ]
    if (repeat := routing.repeat) is not None and severity in repeat.severity:
        every = timedelta(milliseconds=repeat.every_ms)
        found += [Call(since + every * count, None) for count in range(1, repeat.most + 1)]
    return sorted(found, key=lambda call: call.at)


def next_call(routing: Routing, severity: Severity, since: datetime, after: datetime) -> datetime | None:
    """Return when the first call later than `after` is due; None: no further one."""
    return next((call.at for call in calls(routing, severity, since) if call.at > after), None)


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
        missed = [call for call in calls(routing, severity, since) if called_at < call.at <= now]
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
