"""Summaries: several alarms in one message, of what was held back and of late alarms. Called about once a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from alerts.alarm.change import OPENINGS, EndCause, Purpose, WhyUntold
from alerts.alarm.conditions import IS_SHELVED
from alerts.alarm.life import AlarmEvent
from alerts.alarm.records import add_event
from alerts.rules.rule import RuleTexts
from alerts.telling import summary_texts
from alerts.telling.address_book import AddressBook
from alerts.telling.contact import Recipient
from alerts.telling.notification import MessageStatus, in_sql
from alerts.telling.outbox import Queued, enqueue, wake_senders
from alerts.telling.routes import Routing
from alerts.telling.stages import Case, Matter, quiet_hours, recipients, unreached
from alerts.telling.summary_texts import SummaryLine, worst_first
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity

TELL_NOT_AFTER: Final = timedelta(days=7)
"""An alarm that ended longer ago is on record and told to nobody."""

HELD_STATUS: Final = f"status = '{MessageStatus.HELD}'"
DUE: Final = f"""
select contact_id, medium, count(*) = 1 and not bool_or(
  n.purpose in {in_sql(OPENINGS)} and coalesce(a.cleared_at, a.returned_at) is not null)
from notification n left join alarm a using (alarm_id) where n.{HELD_STATUS} and exists (
  select from notification e where e.{HELD_STATUS} and e.held_until <= %(now)s
  and e.contact_id = n.contact_id and e.medium = n.medium)
group by 1, 2
"""  # noqa: S608 (words of ours)
RELEASE: Final = f"""
update notification set status = '{MessageStatus.QUEUED}', due_at = %(now)s, next_attempt_at = %(now)s
where {HELD_STATUS} and contact_id = %(contact)s and medium = %(medium)s
"""  # noqa: S608 (words of ours)
HELD_ALARMS: Final = f"""
select a.alarm_id, a.station, a.severity, a.texts, a.raised_at, coalesce(a.cleared_at, a.returned_at),
  a.ended_by, a.value, a."limit"
from notification n join alarm a using (alarm_id)
where n.{HELD_STATUS} and n.contact_id = %s and n.medium = %s
group by a.alarm_id order by a.raised_at, a.alarm_id
"""  # noqa: S608 (words of ours)
END_HELD: Final = f"""
update notification set status = %s, error = %s where {HELD_STATUS} and contact_id = %s and medium = %s
"""  # noqa: S608 (words of ours)
MOST_WEIGHED: Final = 50
"""Alarms whose readings are read to find the worst: those that went farthest at their level."""
WORST_VALUES: Final = """
select a.alarm_id, case when a.value < a."limit" then least(a.value, w.low) else greatest(a.value, w.high) end
from alarm a join channel c using (channel_id) cross join lateral (
  select min(r.value) as low, max(r.value) as high from v_reading r
  where r.channel = c.channel and r.time >= a.raised_at
    and r.time <= coalesce(a.cleared_at, a.returned_at, %(now)s) and r.quality in (1, 2)) w
where a.alarm_id = any(%(alarms)s)
"""
UNTOLD: Final = f"""
select a.alarm_id, a.station, a.severity, a.texts, a.raised_at, a.cleared_at, a.ended_by,
  a.value, a."limit", e.detail->'to', c.parameter,
  exists (select from out_of_service o where o.station = a.station and o.since <= a.cleared_at
          and coalesce(o.ended_at, o.until) > a.raised_at and (o.channels = '{{}}' or c.name = any(o.channels))),
  {IS_SHELVED}
from alarm a join alarm_event e on e.alarm_id = a.alarm_id and e.event = '{AlarmEvent.LATE}'
left join channel c using (channel_id)
where a.late
  and not exists (select from alarm_event t where t.alarm_id = a.alarm_id and t.event = '{AlarmEvent.TOLD}')
order by a.raised_at, a.alarm_id
"""  # noqa: S608 (words of ours)


@dataclass(frozen=True, slots=True)
class Late:
    """An alarm of the past that nobody has been told of."""

    line: SummaryLine
    matter: Matter
    was_out: bool
    """It was out of service then."""
    is_shelved: bool

    def silence(self, now: datetime) -> WhyUntold | None:
        """Return why no summary names it; None: the next one does."""
        if self.was_out:
            return WhyUntold.OUT_OF_SERVICE
        if self.is_shelved:
            return WhyUntold.SHELVED
        ended = self.line.cleared_at
        return None if ended is not None and now - ended <= TELL_NOT_AFTER else WhyUntold.LONG_AGO


def tell_held(conn: Connection, zone: ZoneInfo, now: datetime) -> int:
    """Queue the messages and summaries for people whose messages were held long enough; return how many people.

    One goes as it is if its alarm still stands; several, or what is over, go as a summary.
    """
    with conn.transaction():
        due = conn.execute(DUE, {"now": now}).fetchall()
        if not due:
            return 0
        book, summaries = AddressBook(conn), []
        for contact_id, word, goes_as_it_is in due:
            if goes_as_it_is:
                conn.execute(RELEASE, {"now": now, "contact": contact_id, "medium": word})
            elif contact_id not in book.by_id:
                why = "the contact is no longer told"
                conn.execute(END_HELD, [MessageStatus.DEAD.value, why, contact_id, word])
            else:
                rows = conn.execute(HELD_ALARMS, [contact_id, word]).fetchall()
                conn.execute(END_HELD, [MessageStatus.SUMMARISED.value, None, contact_id, word])
                person = Recipient(book.by_id[contact_id], Medium(word))
                lines = _weighed(conn, [_line(book, row, zone) for row in rows], now)
                summaries.append(_summary(person, lines, Purpose.SUMMARY, now, now))
        enqueue(conn, summaries, now)
        wake_senders(conn)
    return len(due)


def _weighed(conn: Connection, lines: Sequence[SummaryLine], now: datetime) -> list[SummaryLine]:
    """Return alarms with the worst value that each had while it stood, as far as one of them can be the worst."""
    first = worst_first(lines)
    bad = [one for one in first if one.rank[:2] == first[0].rank[:2] and one.is_of_readings][:MOST_WEIGHED]
    rows = conn.execute(WORST_VALUES, {"alarms": [one.alarm_id for one in bad], "now": now}).fetchall()
    values: dict[int, float] = dict(rows)
    return [replace(one, value=values.get(one.alarm_id, one.value)) for one in first]


def tell_late(conn: Connection, routing: Routing, now: datetime) -> int:
    """Queue a summary of the alarms of the past that nobody was told of; return how many alarms. In a transaction.

    Why nobody is told of one stands in its history.
    """
    book = AddressBook(conn)
    late = [_late(book, row, routing.zone) for row in conn.execute(UNTOLD, {"now": now}).fetchall()]
    told: dict[Recipient, list[SummaryLine]] = {}
    for one in late:
        why: str | None = one.silence(now)
        if why is None:
            people = recipients(routing, book.contacts, one.matter)
            why = None if people else f"{WhyUntold.NOBODY}: {unreached(routing, book.contacts, one.matter)}"
            for person in people:
                told.setdefault(person, []).append(one.line)
        add_event(conn, one.line.alarm_id, now, AlarmEvent.TOLD, now, reason=why)
    enqueue(conn, _late_summaries(told, routing, now), now)
    return len(late)


def _late(book: AddressBook, row: tuple[Any, ...], zone: ZoneInfo) -> Late:
    *_, groups, parameter, was_out, is_shelved = row
    line = _line(book, row, zone)
    return Late(line, Matter(Purpose.LATE, row[1], line.severity, frozenset(groups), parameter), was_out, is_shelved)


def _late_summaries(told: Mapping[Recipient, list[SummaryLine]], routing: Routing, now: datetime) -> list[Queued]:
    """Return a message a person, short ones at the end of the quiet hours, however bad it was."""
    queued = []
    for person, own in told.items():
        held = quiet_hours(Case(*person, (), Matter(Purpose.LATE, None, Severity.LOW, at=now), routing))
        queued.append(_summary(person, own, Purpose.LATE, now, now if held is None else held.until or now))
    return queued


def _summary(
    person: Recipient, lines: list[SummaryLine], purpose: Purpose, now: datetime, not_before: datetime
) -> Queued:
    language = person.contact.language
    if person.medium is Medium.SMS:
        accented = person.contact.accented
        subject, body = None, summary_texts.sms(lines, purpose, now, language, accented=accented)
    else:
        letter = summary_texts.email(lines, purpose, language)
        subject, body = letter.subject, letter.body
    return Queued(
        to=[person.contact.contact_id],
        medium=person.medium,
        purpose=purpose,
        subject=subject,
        body=body,
        not_before=not_before,
        alarm_id=max(lines, key=lambda line: line.severity).alarm_id,
        facts={"purpose": purpose.value, "language": language, "alarms": [line.alarm_id for line in lines]},
    )


def _line(book: AddressBook, row: tuple[Any, ...], zone: ZoneInfo) -> SummaryLine:
    alarm_id, station, word, texts, raised_at, cleared_at, ended_by, value, limit, *_ = row
    words, name, severity = msgspec.convert(texts, RuleTexts), book.station_name(station), Severity.from_word(word)
    cause = None if ended_by is None else EndCause(ended_by)
    line = SummaryLine(alarm_id, severity, name, words.title, raised_at, cleared_at, zone, ended_by=cause)
    if not words.has_value or value is None or limit is None:
        return line
    return replace(
        line, value=value, limit=limit, unit=words.unit, decimals=words.decimals, is_of_readings=words.measure is None
    )
