"""Several alarms in one message: what a storm held back, and alarms of the past. Called about once a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from alerts.alarm.purpose import Purpose
from alerts.alarm.records import add_event
from alerts.rules.rule import RuleTexts, Severity, Words
from alerts.telling import summary_texts
from alerts.telling.address_book import AddressBook
from alerts.telling.contact import Addressee, Medium, Recipient
from alerts.telling.outbox import OUTBOX_CHANNEL, Queued, enqueue
from alerts.telling.routes import Routing
from alerts.telling.summary_texts import SummaryLine
from quantrac.database.pool import Connection

TELL_NOT_AFTER: Final = timedelta(days=7)
"""An alarm that ended longer ago is on record and told to nobody."""

HELD: Final = """
select contact_id, medium,
  count(*) = 1 and not bool_or(n.purpose in ('raised', 'level') and coalesce(a.cleared_at, a.returned_at) is not null)
from notification n left join alarm a using (alarm_id) where n.status = 'held' and exists (
  select from notification e where e.status = 'held' and e.held_until <= %(now)s
  and e.contact_id = n.contact_id and e.medium = n.medium)
group by 1, 2
"""
RELEASED: Final = """
update notification set status = 'queued', next_attempt_at = %s
where status = 'held' and contact_id = %s and medium = %s
"""
HELD_ALARMS: Final = """
select a.alarm_id, a.station, a.severity, a.texts, a.raised_at, coalesce(a.cleared_at, a.returned_at)
from notification n join alarm a using (alarm_id)
where n.status = 'held' and n.contact_id = %s and n.medium = %s
group by a.alarm_id order by a.raised_at, a.alarm_id
"""
SUMMARISED: Final = """
update notification set status = 'summarised' where status = 'held' and contact_id = %s and medium = %s
"""
UNTOLD: Final = """
select a.alarm_id, a.station, a.severity, a.texts, a.raised_at, a.cleared_at, e.detail->'to', c.parameter,
  exists (select from out_of_service o where o.station = a.station and o.since <= a.cleared_at
          and coalesce(o.ended_at, o.until) > a.raised_at and (o.channels = '{}' or c.name = any(o.channels)))
from alarm a join alarm_event e on e.alarm_id = a.alarm_id and e.event = 'late' left join channel c using (channel_id)
where a.late and not exists (select from alarm_event t where t.alarm_id = a.alarm_id and t.event = 'told')
order by a.raised_at, a.alarm_id
"""


@dataclass(frozen=True, slots=True)
class Late:
    """An alarm of the past that nobody has been told of."""

    line: SummaryLine
    station: str
    to: tuple[str, ...]
    parameter: str | None
    was_out: bool
    """It was out of service then."""

    def untold(self, now: datetime) -> str | None:
        """Return why nobody is told of it; None: they are."""
        if self.was_out:
            return "out of service then"
        ended = self.line.cleared_at
        return None if ended is not None and now - ended <= TELL_NOT_AFTER else "too long ago to tell anybody"


def tell_held(conn: Connection, now: datetime) -> int:
    """Tell whomever messages were held for long enough, and return how many people.

    One goes as it is if its alarm still stands; several, or what is over, go as a summary.
    """
    with conn.transaction():
        due = conn.execute(HELD, {"now": now}).fetchall()
        people = AddressBook(conn)
        for contact_id, word, goes_as_it_is in due:
            if goes_as_it_is:
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
    people = AddressBook(conn)
    found = conn.execute(UNTOLD).fetchall()
    late = [Late(_line(people, row), row[1], tuple(row[6]), row[7], row[8]) for row in found]
    recent = [one for one in late if one.untold(now) is None]
    enqueue(conn, _late_messages(people.contacts if recent else [], recent, routing, now), now)
    for one in late:
        add_event(conn, one.line.alarm_id, now, "told", now, reason=one.untold(now))
    return len(late)


def _late_messages(
    contacts: Iterable[Addressee], late: Iterable[Late], routing: Routing, now: datetime
) -> list[Queued]:
    people = list(contacts)
    lines: dict[Recipient, list[SummaryLine]] = {}
    for one in late:
        told = routing.recipients(
            people, station=one.station, severity=one.line.severity, groups=one.to, parameter=one.parameter
        )
        for person in told:
            lines.setdefault(person, []).append(one.line)
    return [
        _message(person, own, Purpose.LATE, now, routing.not_before(person, now, breaks_quiet_hours=False))
        for person, own in lines.items()
    ]


def _message(
    person: Recipient, lines: list[SummaryLine], purpose: Purpose, now: datetime, not_before: datetime
) -> Queued:
    first = max(lines, key=lambda line: line.severity)
    language = person.contact.language
    if person.medium is Medium.SMS:
        accented = person.contact.wishes.accented
        subject, body = None, summary_texts.sms(lines, purpose, now, language, accented=accented)
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


def _line(people: AddressBook, row: tuple[Any, ...]) -> SummaryLine:
    alarm_id, station, severity, texts, raised_at, cleared_at, *_ = row
    title: Words = msgspec.convert(texts, RuleTexts).title
    name = people.station_name(station)
    return SummaryLine(alarm_id, Severity.from_word(severity), name, title, raised_at, cleared_at)
