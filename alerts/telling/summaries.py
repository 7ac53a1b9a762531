"""Several alarms in one message: what a storm held back, and alarms of the past. Called about once a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from alerts.evaluating.records import add_event
from alerts.rules.rule import RuleTexts, Severity, Words
from alerts.telling import summary_texts
from alerts.telling.outbox import OUTBOX_CHANNEL, Queued, enqueue
from alerts.telling.people import People
from alerts.telling.routing import Contact, Medium, Recipient, Routing
from alerts.telling.summary_texts import Line
from alerts.telling.texts import Purpose
from quantrac.database.pool import Connection

TELL_NOT_AFTER: Final = timedelta(days=7)
"""An alarm that ended longer ago is on record and told to nobody."""

HELD: Final = """
select contact_id, medium, count(*)
from notification n where status = 'held' and exists (
  select from notification e where e.status = 'held' and e.held_until <= %(now)s
  and e.contact_id = n.contact_id and e.medium = n.medium)
group by 1, 2
"""
RELEASED: Final = """
update notification set status = 'queued', next_attempt_at = %s
where status = 'held' and contact_id = %s and medium = %s
"""
HELD_ALARMS: Final = """
select a.alarm_id, a.station, a.severity, a.texts, a.raised_at, a.cleared_at
from notification n join alarm a using (alarm_id)
where n.status = 'held' and n.contact_id = %s and n.medium = %s
group by a.alarm_id order by a.raised_at, a.alarm_id
"""
SUMMARISED: Final = """
update notification set status = 'summarised' where status = 'held' and contact_id = %s and medium = %s
"""
UNTOLD: Final = """
select a.alarm_id, a.station, a.severity, a.texts, a.raised_at, a.cleared_at, e.detail->'to'
from alarm a join alarm_event e on e.alarm_id = a.alarm_id and e.event = 'late'
where a.late and not exists (select from alarm_event t where t.alarm_id = a.alarm_id and t.event = 'told')
order by a.raised_at, a.alarm_id
"""


@dataclass(frozen=True, slots=True)
class Late:
    """An alarm of the past that nobody has been told of."""

    line: Line
    station: str
    to: tuple[str, ...]


def tell_held(conn: Connection, now: datetime) -> int:
    """Tell whomever messages were held for long enough: one as it is, several in one; return how many people."""
    with conn.transaction():
        due = conn.execute(HELD, {"now": now}).fetchall()
        people = People(conn)
        for contact_id, word, count in due:
            if count == 1:
                conn.execute(RELEASED, [now, contact_id, word])
                continue
            rows = conn.execute(HELD_ALARMS, [contact_id, word]).fetchall()
            conn.execute(SUMMARISED, [contact_id, word])
            if contact_id in people.by_id:
                person = Recipient(people.by_id[contact_id], Medium(word))
                lines = [_line(people, row) for row in rows]
                enqueue(conn, [_message(person, lines, Purpose.SUMMARY, now, now)], now)
        if due:
            conn.execute("select pg_notify(%s, '')", [OUTBOX_CHANNEL])
    return len(due)


def tell_late(conn: Connection, routing: Routing, now: datetime) -> int:
    """Queue a summary of the alarms of the past that nobody was told of; return how many alarms. In a transaction."""
    people = People(conn)
    late = [Late(_line(people, row), row[1], tuple(row[6])) for row in conn.execute(UNTOLD).fetchall()]
    recent = [one for one in late if one.line.cleared_at and now - one.line.cleared_at <= TELL_NOT_AFTER]
    enqueue(conn, _late_messages(people.contacts if recent else [], recent, routing, now), now)
    for one in late:
        reason = None if one in recent else "too long ago to tell anybody"
        add_event(conn, one.line.alarm_id, now, "told", now, reason=reason)
    return len(late)


def _late_messages(contacts: Iterable[Contact], late: Iterable[Late], routing: Routing, now: datetime) -> list[Queued]:
    people = list(contacts)
    lines: dict[Recipient, list[Line]] = {}
    for one in late:
        for person in routing.recipients(people, station=one.station, severity=one.line.severity, groups=one.to):
            lines.setdefault(person, []).append(one.line)
    return [
        _message(person, own, Purpose.LATE, now, routing.not_before(person, now, breaks_quiet_hours=False))
        for person, own in lines.items()
    ]


def _message(person: Recipient, lines: list[Line], purpose: Purpose, now: datetime, not_before: datetime) -> Queued:
    first = max(lines, key=lambda line: line.severity)
    language = person.contact.language
    if person.medium is Medium.SMS:
        subject, body = None, summary_texts.sms(lines, purpose, now, language)
    else:
        letter = summary_texts.email(lines, purpose, language)
        subject, body = letter.subject, letter.body
    return Queued(
        alarm_id=first.alarm_id,
        alarm_event_id=None,
        contact_id=person.contact.contact_id,
        medium=person.medium,
        purpose=purpose.value,
        subject=subject,
        body=body,
        not_before=not_before,
        facts={"purpose": purpose.value, "language": language, "alarms": [line.alarm_id for line in lines]},
    )


def _line(people: People, row: tuple[Any, ...]) -> Line:
    alarm_id, station, severity, texts, raised_at, cleared_at, *_ = row
    title: Words = msgspec.convert(texts, RuleTexts).title
    name = people.station_name(station)
    return Line(alarm_id, Severity.from_word(severity), name, title, raised_at, cleared_at)
