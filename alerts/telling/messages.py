"""From a recorded change of an alarm to the messages about it. Inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from alerts.evaluating.records import Recorded
from alerts.evaluating.trend import Trend
from alerts.people.withholding import FLAPPING, withheld_by, withhold
from alerts.rules.rule import Side, Words
from alerts.telling import texts
from alerts.telling.escalating import await_answer, due_calls
from alerts.telling.facts import facts_of
from alerts.telling.flapping import begins_flapping
from alerts.telling.holding import NOTHING_TOLD, Hold
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.people import People
from alerts.telling.pressure import told_of_late
from alerts.telling.routing import Matter, Medium, Recipient, Routing
from alerts.telling.texts import Notice, Purpose
from quantrac.database.pool import Connection


@dataclass(frozen=True, slots=True)
class Measured:
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


@dataclass(frozen=True, slots=True)
class Addressees:
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
where alarm_id = %s and purpose <> 'cleared'
  and status in ('queued', 'sent', 'delivered', 'unknown', 'held', 'summarised')
"""
AFTERWARDS: Final = frozenset({Purpose.CLEARED, Purpose.QUESTIONED})
"""Purposes that concern whoever was told before."""
CALLS: Final = frozenset({Purpose.ESCALATED, Purpose.REPEATED})
"""Calls for somebody to acknowledge."""


def tell(
    conn: Connection,
    change: Recorded,
    to: Addressees,
    measured: Measured,
    now: datetime,
    people: People | None = None,
) -> int:
    """Queue the messages about a change and return how many.

    Raised and worse levels go to the level's groups, unless something withholds the alarm; the end goes to whoever was
    told of the alarm; a milder level is history and no message. `people`: as loaded for the round.
    """
    known = people or People(conn)
    if change.purpose is not Purpose.QUESTIONED:
        reason = withheld_by(conn, change.alarm_id, now)
        if change.purpose is Purpose.CLEARED:
            if reason == FLAPPING:
                return 0
        elif reason is not None:
            withhold(conn, change, reason, to.groups, now)
            return 0
    if change.purpose not in AFTERWARDS and change.is_news:
        if begins_flapping(conn, change, to.routing.flapping, now):
            change = replace(change, purpose=Purpose.FLAPPING)
        if change.purpose not in CALLS and not change.texts.by_day:
            await_answer(conn, change.alarm_id, change.severity, to.routing, now)
    return _queue(conn, change, to, measured, now, known)


def call_again(conn: Connection, routing: Routing, now: datetime) -> int:
    """Tell the next ones of alarms that nobody acknowledges; return how many calls. In the caller's transaction."""
    people, count = People(conn), 0
    for due in due_calls(conn, routing, now):
        groups, by = ((), None) if due.step is None else (due.step.to, due.step.by)
        to = Addressees(due.station, groups, routing, breaks_quiet_hours=True, by=by)
        measured = Measured(due.channel, due.unit, value=due.value, limit=due.limit, parameter=due.parameter)
        tell(conn, due.change, to, measured, now, people)
        count += 1
    return count


def _queue(conn: Connection, change: Recorded, to: Addressees, measured: Measured, now: datetime, known: People) -> int:
    people = _people(conn, change, to, measured, now, known)
    if not people:
        return 0
    holds = _holds(conn, change, to, people, now)
    trend = measured.trend() if len(holds) < len(people) and change.purpose not in AFTERWARDS else None
    written = _Written(_notice(change, known.station_name(to.station), measured, trend))
    enqueue(conn, [_queued(change, written, person, now, holds.get(person)) for person in people], now)
    return len(people)


def _people(
    conn: Connection, change: Recorded, to: Addressees, measured: Measured, now: datetime, known: People
) -> list[Recipient]:
    if change.purpose in AFTERWARDS or change.purpose is Purpose.REPEATED:
        return _told(conn, change, to.routing, known)
    if not change.is_news:
        return []
    groups = frozenset(to.groups)
    matter = Matter(to.station or "", change.severity, groups, measured.parameter, now)
    verdicts = to.routing.judge(known.concerned(to.station, groups), matter, to.by)
    return [Recipient(one.contact, one.medium) for one in verdicts if one.is_told and one.medium is not to.without]


def _told(conn: Connection, change: Recorded, routing: Routing, known: People) -> list[Recipient]:
    told = conn.execute(TOLD, [change.alarm_id]).fetchall()
    people = [Recipient(known.by_id[id_], Medium(medium)) for id_, medium in sorted(told) if id_ in known.by_id]
    if change.purpose is not Purpose.CLEARED:
        return people
    return [person for person in people if routing.wants_the_end(person.contact, person.medium, change.severity)]


def _holds(
    conn: Connection, change: Recorded, to: Addressees, people: Sequence[Recipient], now: datetime
) -> dict[Recipient, Hold]:
    """Return what is held of the messages to these people; a call for somebody to acknowledge never is."""
    if change.purpose in CALLS:
        return {}
    told = told_of_late(conn, change.alarm_id, {one.contact.contact_id for one in people}, to.routing, now)
    found = {}
    for person in people:
        hold = to.routing.hold(
            person,
            change.severity,
            told.get((person.contact.contact_id, person.medium), NOTHING_TOLD),
            now,
            breaks=to.breaks_quiet_hours,
            is_end=change.purpose in AFTERWARDS,
            by_day=change.texts.by_day,
        )
        if hold is not None:
            found[person] = hold
    return found


def _notice(change: Recorded, station: Words, measured: Measured, trend: Trend | None) -> Notice:
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

    def __init__(self, notice: Notice) -> None:
        self._notice = notice
        self._texts: dict[tuple[str, bool], tuple[str | None, str]] = {}
        self._facts: dict[str, Mapping[str, Any]] = {}

    def text(self, person: Recipient) -> tuple[str | None, str]:
        """Return subject and body for a person."""
        key = person.contact.language, person.medium is Medium.SMS
        if key not in self._texts:
            letter = None if key[1] else texts.email(self._notice, key[0])
            short = (None, "") if letter is not None else (None, texts.sms(self._notice, key[0]))
            self._texts[key] = short if letter is None else (letter.subject, letter.body)
        return self._texts[key]

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
