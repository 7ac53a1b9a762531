"""From a recorded change of an alarm to the messages about it. Inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from alerts.alarm.purpose import Purpose
from alerts.alarm.records import OnRecord, Recorded
from alerts.alarm.withholding import FLAPPING, withheld_by, withhold
from alerts.rules.rule import RuleTexts, Side, Words
from alerts.rules.trend import Trend
from alerts.telling import texts
from alerts.telling.address_book import AddressBook
from alerts.telling.change_rate import begins_flapping
from alerts.telling.contact import Medium, Recipient
from alerts.telling.escalation import await_answer, due_calls
from alerts.telling.facts import facts_of
from alerts.telling.holding import NOTHING_TOLD, Hold
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.pressure import Person, Pressure
from alerts.telling.routes import Matter, Routing
from alerts.telling.texts import Notice
from quantrac.database.pool import Connection


@dataclass(frozen=True, slots=True)
class Figures:
    """What a message says beside the rule's own words."""

    channel: str = ""
    unit: str = ""
    decimals: int = 2
    value: float | None = None
    limit: float | None = None
    side: Side | None = None
    trend: Callable[[], Trend | None] = lambda: None
    """Asked only when somebody is told at once, not of the end."""
    parameter: str | None = None
    """What the channel measures; None: the station as a whole."""

    @classmethod
    def on_record(cls, texts: RuleTexts, about: OnRecord) -> Figures:
        """Return what a message says of an alarm that rose a while ago."""
        if about.value is None or not texts.has_value:
            return cls(about.channel, parameter=about.parameter)
        return cls(
            channel=about.channel,
            unit=texts.unit,
            decimals=texts.decimals,
            value=about.value,
            limit=about.limit,
            side=None if about.limit is None else Side.BELOW if about.value < about.limit else Side.ABOVE,
            parameter=about.parameter,
        )


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a change concerns."""

    station: str | None
    """None: the centre itself."""
    groups: tuple[str, ...]
    routing: Routing
    breaks_quiet_hours: bool = False
    without: Medium | None = None
    """A medium that cannot be used now."""
    by: tuple[str, ...] | None = None
    """These media, in place of what the routes say."""


TOLD: Final = """
select distinct contact_id, medium from notification
where alarm_id = %s and purpose not in ('cleared', 'withdrawn')
  and status in ('queued', 'sent', 'delivered', 'unknown', 'held', 'summarised')
"""
AFTERWARDS: Final = frozenset({Purpose.CLEARED, Purpose.WITHDRAWN, Purpose.QUESTIONED})
"""Purposes that concern whoever was told before."""
STILL_HELD: Final = """
select distinct on (contact_id, medium) contact_id, medium, held_for, held_until from notification
where alarm_id = %s and status = 'held' order by contact_id, medium, held_until
"""
SUPERSEDED: Final = """
update notification set status = 'summarised'
where alarm_id = %s and status = 'held' and (contact_id, medium) in (select * from unnest(%s::int4[], %s::text[]))
"""
CALLS: Final = frozenset({Purpose.ESCALATED, Purpose.REPEATED})
"""Calls for somebody to acknowledge."""


def tell(
    conn: Connection,
    change: Recorded,
    to: Audience,
    measured: Figures,
    now: datetime,
    people: AddressBook | None = None,
) -> int:
    """Queue the messages about a change and return how many.

    Raised and worse levels go to the level's groups, unless something withholds the alarm; the end goes to whoever was
    told of the alarm; a milder level is history and no message. `people`: as loaded for the round.
    """
    known = people or AddressBook(conn)
    if change.purpose is not Purpose.QUESTIONED:
        reason = withheld_by(conn, change.alarm_id, now)
        if change.purpose.is_end:
            if reason == FLAPPING:
                return 0
        elif reason is not None:
            withhold(conn, change, reason, to.groups, now, breaks=to.breaks_quiet_hours)
            return 0
    if change.purpose not in AFTERWARDS and change.is_news:
        if begins_flapping(conn, change, to.routing.flapping, now):
            change = replace(change, purpose=Purpose.FLAPPING)
        if change.purpose not in CALLS and not change.texts.by_day:
            await_answer(conn, change.alarm_id, change.severity, to.routing, now)
    return _queue(conn, change, to, measured, now, known)


def call_again(conn: Connection, routing: Routing, now: datetime) -> int:
    """Tell the next ones of alarms that nobody acknowledges; return how many calls. In the caller's transaction."""
    people, count = AddressBook(conn), 0
    for due in due_calls(conn, routing, now):
        groups, by = ((), None) if due.step is None else (due.step.to, due.step.by)
        to = Audience(due.station, groups, routing, breaks_quiet_hours=True, by=by)
        tell(conn, due.change, to, Figures.on_record(due.change.texts, due.about), now, people)
        count += 1
    return count


def _queue(
    conn: Connection, change: Recorded, to: Audience, measured: Figures, now: datetime, known: AddressBook
) -> int:
    people = _people(conn, change, to, measured, now, known)
    if not people:
        return 0
    pressure = known.pressure(to.routing)
    holds = _holds(conn, change, to, people, pressure, now)
    if change.purpose not in AFTERWARDS:
        _supersede(conn, change.alarm_id, [person for person in people if person.key not in holds])
    trend = measured.trend() if len(holds) < len(people) and change.purpose not in AFTERWARDS else None
    written = _Written(_notice(change, known.station_name(to.station), measured, trend), to.routing)
    queued = [_queued(change, written, person, now, holds.get(person.key)) for person in people]
    enqueue(conn, queued, now)
    pressure.note(change.alarm_id, queued, now)
    return len(people)


def _people(
    conn: Connection, change: Recorded, to: Audience, measured: Figures, now: datetime, known: AddressBook
) -> list[Recipient]:
    if change.purpose in AFTERWARDS or change.purpose is Purpose.REPEATED:
        return _told(conn, change, to.routing, known)
    if not change.is_news:
        return []
    groups = frozenset(to.groups)
    matter = Matter(to.station or "", change.severity, groups, measured.parameter, now)
    verdicts = to.routing.judge(known.concerned(to.station, groups), matter, to.by)
    return [Recipient(one.contact, one.medium) for one in verdicts if one.is_told and one.medium is not to.without]


def _told(conn: Connection, change: Recorded, routing: Routing, known: AddressBook) -> list[Recipient]:
    told = conn.execute(TOLD, [change.alarm_id]).fetchall()
    people = [Recipient(known.by_id[id_], Medium(medium)) for id_, medium in sorted(told) if id_ in known.by_id]
    if not change.purpose.is_end:
        return people
    return [person for person in people if routing.wants_the_end(person.contact, person.medium, change.severity)]


def _holds(
    conn: Connection, change: Recorded, to: Audience, people: Sequence[Recipient], pressure: Pressure, now: datetime
) -> dict[Person, Hold]:
    """Return what is held of the messages to these people; a call for somebody to acknowledge never is."""
    if change.purpose in CALLS:
        return {}
    told = pressure.of(change.alarm_id, {one.contact.contact_id for one in people}, now)
    found = _held_before(conn, change.alarm_id) if change.purpose in AFTERWARDS else {}
    for person in people:
        if person.key in found:
            continue
        hold = to.routing.hold(
            person,
            change.severity,
            told.get(person.key, NOTHING_TOLD),
            now,
            breaks=to.breaks_quiet_hours,
            is_end=change.purpose in AFTERWARDS,
            by_day=change.texts.by_day,
        )
        if hold is not None:
            found[person.key] = hold
    return found


def _held_before(conn: Connection, alarm_id: int) -> dict[Person, Hold]:
    """Return for whom the alarm itself is still held: what comes after it waits with it."""
    rows = conn.execute(STILL_HELD, [alarm_id]).fetchall()
    return {(contact_id, Medium(medium)): Hold(reason, until) for contact_id, medium, reason, until in rows}


def _supersede(conn: Connection, alarm_id: int, people: Sequence[Recipient]) -> None:
    """Send no older message about the alarm after the one that goes to these people now."""
    contacts = [person.contact.contact_id for person in people]
    conn.execute(SUPERSEDED, [alarm_id, contacts, [person.medium.value for person in people]])


def _notice(change: Recorded, station: Words, measured: Figures, trend: Trend | None) -> Notice:
    return Notice(
        purpose=change.purpose,
        alarm_id=change.alarm_id,
        severity=change.severity,
        station=station,
        time=change.raised_at if change.purpose in CALLS else change.time,
        raised_at=change.raised_at,
        texts=change.texts,
        channel=measured.channel,
        value=measured.value,
        limit=measured.limit,
        side=measured.side,
        unit=measured.unit,
        decimals=measured.decimals,
        trend=trend,
    )


class _Written:
    """A notice in each language and form, written once however many people read it."""

    def __init__(self, notice: Notice, routing: Routing) -> None:
        self._notice = notice
        self._routing = routing
        self._texts: dict[tuple[str, bool, bool, bool], tuple[str | None, str]] = {}
        self._facts: dict[str, Mapping[str, Any]] = {}

    def text(self, person: Recipient) -> tuple[str | None, str]:
        """Return subject and body for a person."""
        is_short = person.medium is Medium.SMS
        end_follows = is_short or self._routing.wants_the_end(person.contact, person.medium, self._notice.severity)
        key = person.contact.language, is_short, end_follows, person.contact.wishes.accented
        if key not in self._texts:
            self._texts[key] = self._written(*key)
        return self._texts[key]

    def _written(self, language: str, is_short: bool, end_follows: bool, accented: bool) -> tuple[str | None, str]:
        if is_short:
            return None, texts.sms(self._notice, language, accented=accented)
        letter = texts.email(replace(self._notice, end_follows=end_follows), language)
        return letter.subject, letter.body

    def facts(self, person: Recipient) -> Mapping[str, Any]:
        """Return the notice as data."""
        language = person.contact.language
        if language not in self._facts:
            self._facts[language] = facts_of(self._notice, language)
        return self._facts[language]


def _queued(change: Recorded, written: _Written, person: Recipient, now: datetime, hold: Hold | None) -> Queued:
    subject, body = written.text(person)
    return Queued(
        alarm_id=change.alarm_id,
        alarm_event_id=change.alarm_event_id,
        contact_id=person.contact.contact_id,
        medium=person.medium,
        purpose=change.purpose.value,
        subject=subject,
        body=body,
        not_before=now,
        hold=hold,
        facts=written.facts(person),
    )
