"""From a recorded change of an alarm to the messages about it. Inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from alerts.evaluating.records import Recorded
from alerts.evaluating.trend import Trend
from alerts.people.shelves import withhold
from alerts.rules.rule import Side, Words
from alerts.telling import texts
from alerts.telling.facts import facts_of
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.routing import Contact, Medium, Recipient, Routing
from alerts.telling.storm import flooded_people
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


CONTACTS: Final = """
select contact_id, name, language, case when stopped_at is null then phone_e164 end, email, groups, stations,
       webhook, apprise
from contact where active
"""
CONCERNED: Final = (
    CONTACTS + " and groups && %(groups)s::text[] and (stations = '{}' or %(station)s = any(stations))"
)
KNOWN: Final = CONTACTS + " and contact_id = any(%(ids)s)"
TOLD: Final = """
select distinct contact_id, medium from notification
where alarm_id = %s and purpose <> 'cleared'
  and status in ('queued', 'sent', 'delivered', 'unknown', 'held', 'summarised')
"""
AFTERWARDS: Final = frozenset({Purpose.CLEARED, Purpose.QUESTIONED})
"""Purposes that concern whoever was told before."""
CENTRE: Final = Words("Trung tâm điều hành", "Control centre")
STATION: Final = "select name_vi, name_en from station where station = %s"


def tell(conn: Connection, change: Recorded, to: Addressees, measured: Measured, now: datetime) -> int:
    """Queue the messages about a change and return how many.

    Raised and worse levels go to the level's groups, unless the alarm is shelved; the end goes to whoever was told of
    the alarm; a milder level is history and no message.
    """
    if change.purpose not in AFTERWARDS and withhold(conn, change, to.groups, now):
        return 0
    people = _people(conn, change, to)
    if not people:
        return 0
    flooded = flooded_people(conn, change.alarm_id, to.routing.storm, now)
    held = {person for person in people if (person.contact.contact_id, person.medium) in flooded}
    trend = measured.trend() if len(held) < len(people) and change.purpose not in AFTERWARDS else None
    notice = _notice(change, station_name(conn, to.station), measured, trend)
    enqueue(conn, [_queued(change, notice, person, to, now, is_held=person in held) for person in people], now)
    return len(people)


def load_contacts(conn: Connection) -> list[Contact]:
    """Return everybody who may be told."""
    return _contacts(conn, CONTACTS, {})


def _contacts(conn: Connection, query: str, values: dict[str, object]) -> list[Contact]:
    """Of five thousand people a change concerns a few: the database picks them."""
    return [
        Contact(contact_id, name, language, phone, email, frozenset(groups), frozenset(stations), webhook, apprise)
        for contact_id, name, language, phone, email, groups, stations, webhook, apprise in conn.execute(query, values)
    ]


def _people(conn: Connection, change: Recorded, to: Addressees) -> list[Recipient]:
    if change.purpose in AFTERWARDS:
        return _told(conn, change, to.routing)
    if not change.is_news:
        return []
    concerned = _contacts(conn, CONCERNED, {"groups": list(to.groups), "station": to.station or ""})
    people = to.routing.recipients(
        concerned, station=to.station or "", severity=change.severity, groups=to.groups
    )
    return [person for person in people if person.medium is not to.without]


def _told(conn: Connection, change: Recorded, routing: Routing) -> list[Recipient]:
    told = conn.execute(TOLD, [change.alarm_id]).fetchall()
    known = _contacts(conn, KNOWN, {"ids": [id_ for id_, _ in told]}) if told else []
    contacts = {contact.contact_id: contact for contact in known}
    people = [Recipient(contacts[id_], Medium(medium)) for id_, medium in sorted(told) if id_ in contacts]
    if change.purpose is Purpose.QUESTIONED:
        return people
    return [person for person in people if routing.wants_the_end(person.contact, person.medium, change.severity)]


def _notice(change: Recorded, station: Words, measured: Measured, trend: Trend | None) -> Notice:
    return Notice(
        purpose=change.purpose,
        alarm_id=change.alarm_id,
        severity=change.severity,
        station=station,
        time=change.time,
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


def _queued(
    change: Recorded, notice: Notice, person: Recipient, to: Addressees, now: datetime, *, is_held: bool
) -> Queued:
    language = person.contact.language
    if person.medium is Medium.SMS:
        subject, body = None, texts.sms(notice, language)
    else:
        letter = texts.email(notice, language)
        subject, body = letter.subject, letter.body
    return Queued(
        alarm_id=change.alarm_id,
        alarm_event_id=change.alarm_event_id,
        contact_id=person.contact.contact_id,
        medium=person.medium,
        purpose=change.purpose.value,
        subject=subject,
        body=body,
        not_before=to.routing.not_before(person, now, breaks_quiet_hours=to.breaks_quiet_hours),
        is_held=is_held,
        facts=facts_of(notice, language),
    )


def station_name(conn: Connection, station: str | None) -> Words:
    """Return what people call a station; None: the centre."""
    if station is None:
        return CENTRE
    row = conn.execute(STATION, [station]).fetchone()
    return Words(station, station) if row is None else Words(*row)
