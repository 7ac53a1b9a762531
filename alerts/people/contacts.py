"""Contacts in the database: imported, listed with masked addresses, tried out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Final, Literal
from uuid import uuid4

from alerts.alarm.change import Purpose
from alerts.telling.contact import MEDIA
from alerts.telling.gsm import length, unaccented
from alerts.telling.notice import clock
from alerts.telling.notifier import Notifier, Outgoing, UndeliverableError
from alerts.telling.outbox import Queued, enqueue
from quantrac.config.network import Contact
from quantrac.config.notifications import Medium
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.words import Words

TEST_SUBJECT: Final = Words("Quantrac: tin nhắn thử", "Quantrac: test message")
TEST_TEXT: Final = Words(
    "Quantrac {time}: tin nhắn thử, không phải cảnh báo.", "Quantrac {time}: a test message, no alarm."
)


class UnknownContact(QuantracError):
    """There is no active contact of that number."""


class NoConsent(QuantracError):
    """The person has not agreed to get messages."""


class ImportedContact(Contact):
    """A person who stands in no file of ours: a contact, and the consent that is on record."""

    consent: Literal["given", "refused"] | None = None
    """None: not recorded."""
    consent_on: date | None = None


def save_contacts(conn: Connection, contacts: Iterable[Contact], now: datetime, person: str = "configuration") -> int:
    """Add the contacts, or bring those with the same phone or e-mail up to date; return how many changed."""
    changed = 0
    with conn.transaction():
        for contact in contacts:
            changed += _save(conn, contact, now, person)
    return changed


def listed(conn: Connection) -> list[dict[str, Any]]:
    """Return the active contacts with their addresses masked."""
    rows = conn.execute(
        """
        select contact_id, name, masked(phone_e164), masked(email), language, groups, stations,
               masked_address(webhook), masked_address(apprise), tags, parameters, media, severity,
               to_char(quiet_from, 'HH24:MI') || '-' || to_char(quiet_to, 'HH24:MI'), wake, cap,
               case when stopped_at is not null then 'stopped' else consent end, accented
        from contact where active order by contact_id
        """
    )
    names = (
        "contact_id", "name", "phone", "email", "language", "groups", "stations", "webhook", "apprise", "tags",
        "parameters", "media", "severity", "quiet", "wake", "cap", "consent", "accents",
    )  # fmt: skip
    return [dict(zip(names, row, strict=True)) for row in rows]


ADDRESSES: Final = """
select case when stopped_at is null then phone_e164 end, email, webhook, apprise, language, consent
from contact where contact_id = %s and active
"""
ALERTS_RUN: Final = "select exists (select from v_service where service = 'alerts' and connected)"
TESTS: Final = """
select medium, status, error from notification where contact_id = %s and purpose = %s and queued_at = %s
"""


def send_test(
    conn: Connection,
    contact_id: int,
    notifiers: Mapping[Medium, Notifier],
    now: datetime,
    *,
    consent_required: bool = False,
) -> dict[str, str | None]:
    """Hand a test message to every carrier that has an address of the contact; return the error, or None, by medium.

    Raises UnknownContact, NoConsent.
    """
    messages = _test_messages(conn, contact_id, now, consent_required=consent_required)
    return {medium.value: _try(notifiers[medium], message) for medium, message in messages if medium in notifiers}


def can_queue_tests(conn: Connection) -> bool:
    """Whether `alerts run` works: then it holds the modem, and test messages go through its outbox."""
    return conn.execute(ALERTS_RUN).fetchone() == (True,)


def queue_test(conn: Connection, contact_id: int, now: datetime) -> None:
    """Queue a test message by every medium that the contact has an address for. Raises UnknownContact, NoConsent."""
    queued = [
        Queued([contact_id], medium, Purpose.TEST, text.subject, text.body, now, facts=text.facts)
        for medium, text in _test_messages(conn, contact_id, now)
    ]
    with conn.transaction():
        enqueue(conn, queued, now)


def outcomes(conn: Connection, contact_id: int, queued_at: datetime) -> dict[str, tuple[str, str | None]]:
    """Return status and error of the test messages queued at a time, by medium."""
    rows = conn.execute(TESTS, [contact_id, Purpose.TEST.value, queued_at])
    return {medium: (status, error) for medium, status, error in rows}


def _test_messages(
    conn: Connection, contact_id: int, now: datetime, *, consent_required: bool = False
) -> list[tuple[Medium, Outgoing]]:
    """Return a test message for each address of a contact. Raises UnknownContact, NoConsent."""
    row = conn.execute(ADDRESSES, [contact_id]).fetchone()
    if row is None:
        raise UnknownContact(f"there is no contact {contact_id}; see `quantrac contacts list`")
    *addresses, language, consent = row
    if consent == "refused" or (consent is None and consent_required):
        raise NoConsent(f"contact {contact_id} gets no messages: consent {consent or 'not recorded'}")
    text, subject = (
        TEST_TEXT.in_language(language).format(time=clock(now, time_zone(conn))),
        TEST_SUBJECT.in_language(language),
    )
    facts = {"purpose": Purpose.TEST.value, "language": language}
    bodies = {medium: unaccented(text) if medium is Medium.SMS else f"{text}\n" for medium in MEDIA}
    return [
        (medium, Outgoing(uuid4().hex, to, bodies[medium], subject, facts=facts))
        for medium, to in zip(MEDIA, addresses, strict=True)
        if to is not None
    ]


def _try(notifier: Notifier, message: Outgoing) -> str | None:
    try:
        notifier.send(message)
    except UndeliverableError as error:
        return str(error)
    finally:
        notifier.close()
    return None


SAVED: Final = (
    "name", "phone_e164", "email", "language", "groups", "stations", "webhook", "apprise", "tags", "parameters",
    "media", "severity", "quiet_from", "quiet_to", "wake", "cap", "consent", "consent_on", "accented",
)  # fmt: skip
CONSENT: Final = SAVED.index("consent")
FIND: Final = f"""
select contact_id, {", ".join(SAVED)} from contact
where active and (phone_e164 = %s or lower(email) = lower(%s) or webhook = %s or apprise = %s)
order by phone_e164 = %s desc nulls last limit 1 for update
"""  # noqa: S608 (names of ours)
ADD: Final = f"""
insert into contact ({", ".join(SAVED)}) values ({", ".join(["%s"] * len(SAVED))}) returning contact_id
"""  # noqa: S608 (names of ours)
CHANGE: Final = f"update contact set {', '.join(f'{name} = %s' for name in SAVED)} where contact_id = %s"  # noqa: S608


def _row(contact: Contact) -> list[Any]:
    """Return a contact as the columns of `SAVED`."""
    quiet = contact.quiet
    hours = (None, None) if quiet is None else (time.fromisoformat(quiet.start), time.fromisoformat(quiet.end))
    severity, wake = (None if one is None else one.word for one in (contact.severity, contact.wake))
    consent = (contact.consent, contact.consent_on) if isinstance(contact, ImportedContact) else (None, None)
    return [
        contact.name, contact.phone, contact.email, contact.language, list(contact.groups), list(contact.stations),
        contact.webhook, contact.apprise, list(contact.tags), list(contact.parameters), list(contact.media),
        severity, *hours, wake, contact.cap, *consent, contact.accents,
    ]  # fmt: skip


def _save(conn: Connection, contact: Contact, now: datetime, person: str) -> bool:
    wanted = _row(contact)
    sought = [contact.phone, contact.email, contact.webhook, contact.apprise, contact.phone]
    found = conn.execute(FIND, sought).fetchone()
    if found is None:
        row = conn.execute(ADD, wanted).fetchone()
        assert row is not None
        audit.record(conn, now, person, "add", f"contact {row[0]}")
        return True
    contact_id, *known = found
    if wanted[CONSENT] is None:  # a file that says nothing of it takes nothing back
        wanted[CONSENT : CONSENT + 2] = known[CONSENT : CONSENT + 2]
    if known == wanted:
        return False
    conn.execute(CHANGE, [*wanted, contact_id])
    audit.record(conn, now, person, "change", f"contact {contact_id}")
    return True


LOG: Final = """
select coalesce(n.sent_at, n.queued_at), c.name, n.medium, v.contact_masked, n.purpose, n.alarm_id, v.status, n.carrier,
       n.delivered_at, case when a.acknowledged_by = c.name then a.acknowledged_at end, n.error,
       case when n.medium = 'sms' then n.body end
from notification n join v_notification v using (notification_id) join contact c on c.contact_id = n.contact_id
left join alarm a on a.alarm_id = n.alarm_id
where (%(contact)s::int4 is null or n.contact_id = %(contact)s) and (%(alarm)s::int8 is null or n.alarm_id = %(alarm)s)
order by n.notification_id desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """One message to one person: when, how, what became of it, and whether the person acknowledged the alarm."""

    time: datetime
    name: str
    medium: str
    address: str | None
    """Masked."""
    purpose: str
    alarm_id: int | None
    status: str
    carrier: str | None
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    error: str | None
    parts: int | None = None
    """Of a short message, as it stands in the outbox."""


def reached(conn: Connection, *, contact_id: int | None, alarm_id: int | None, limit: int) -> list[Reached]:
    """Return who was told what, the newest first."""
    rows = conn.execute(LOG, {"contact": contact_id, "alarm": alarm_id, "limit": limit})
    return [replace(Reached(*told), parts=_parts(body)) for *told, body in rows]


def _parts(body: str | None) -> int | None:
    return None if body is None else length(body).segments
