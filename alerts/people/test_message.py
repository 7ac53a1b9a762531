"""Test messages to one contact: by the outbox as alarms go, or handed over from where the command runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from alerts.alarm.change import Purpose
from alerts.people.contacts import UnknownContact
from alerts.telling.contact import MEDIA
from alerts.telling.gsm import unaccented
from alerts.telling.notice import clock
from alerts.telling.notification import MessageStatus
from alerts.telling.notifier import Notifier, Outgoing, UndeliverableError
from alerts.telling.outbox import Queued, enqueue
from quantrac.config.notifications import Medium
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.words import Words

TEST_SUBJECT: Final = Words("Quantrac: tin nhắn thử", "Quantrac: test message")
TEST_TEXT: Final = Words(
    "Quantrac {time}: tin nhắn thử, không phải cảnh báo.", "Quantrac {time}: a test message, no alarm."
)


class NoTestMessage(TranslatableError):
    """The person can get no test message now; the text says why."""


ADDRESSES: Final = """
select case when stopped_at is null then phone_e164 end, email, webhook, apprise, language, consent
from contact where contact_id = %s and active for update
"""
TEST_WAITS: Final = f"""
select exists (select from notification where contact_id = %s and purpose = '{Purpose.TEST}'
               and status = '{MessageStatus.QUEUED}')
"""  # noqa: S608 (words of ours)
MOST: Final = 50
"""Test messages of one account within LATELY: each costs money, and wakes somebody."""
LATELY: Final = timedelta(hours=24)
TESTED: Final = """
select count(*) from audit
where at > %(since)s and action = 'test' and coalesce(account, person) = coalesce(%(account)s, %(person)s)
"""
ALERTS_RUN: Final = "select exists (select from v_service where service = 'alerts' and connected)"
TESTS: Final = """
select medium, status, error from notification where contact_id = %s and purpose = %s and queued_at = %s
"""


def send_test(
    conn: Connection,
    contact_id: int,
    notifiers: Mapping[Medium, Notifier],
    person: str,
    now: datetime,
    *,
    consent_required: bool = False,
) -> dict[str, str | None]:
    """Hand a test message to every carrier that has an address of the contact; return the error, or None, by medium.

    Raises UnknownContact, NoTestMessage.
    """
    with conn.transaction():
        messages = _test_messages(conn, contact_id, person, now, consent_required=consent_required)
        audit.record(conn, now, person, "test", f"contact {contact_id}")
    return {medium.value: _try(notifiers[medium], message) for medium, message in messages if medium in notifiers}


def can_queue_tests(conn: Connection) -> bool:
    """Whether `alerts run` works: then it holds the modem, and test messages go through its outbox."""
    return conn.execute(ALERTS_RUN).fetchone() == (True,)


def queue_test(
    conn: Connection, contact_id: int, person: str, now: datetime, *, consent_required: bool = False
) -> None:
    """Queue a test message by every medium that the contact has an address for, in the outbox like any message.

    Raises UnknownContact, NoTestMessage: also while an earlier one still waits.
    """
    with conn.transaction():
        messages = _test_messages(conn, contact_id, person, now, consent_required=consent_required)
        if conn.execute(TEST_WAITS, [contact_id]).fetchone() == (True,):
            raise NoTestMessage("a test message to contact {contact} still waits to be sent", contact=contact_id)
        queued = [
            Queued([contact_id], medium, Purpose.TEST, text.subject, text.body, now, facts=text.facts)
            for medium, text in messages
        ]
        enqueue(conn, queued, now)
        audit.record(conn, now, person, "test", f"contact {contact_id}")


def outcomes(conn: Connection, contact_id: int, queued_at: datetime) -> dict[str, tuple[str, str | None]]:
    """Return status and error of the test messages queued at a time, by medium."""
    rows = conn.execute(TESTS, [contact_id, Purpose.TEST.value, queued_at])
    return {medium: (status, error) for medium, status, error in rows}


def _test_messages(
    conn: Connection, contact_id: int, person: str, now: datetime, *, consent_required: bool
) -> list[tuple[Medium, Outgoing]]:
    """Return a test message for each address of a contact. Raises UnknownContact, NoTestMessage."""
    row = conn.execute(ADDRESSES, [contact_id]).fetchone()
    if row is None:
        raise UnknownContact("there is no contact {contact}; see `quantrac contacts list`", contact=contact_id)
    *addresses, language, consent = row
    if consent == "refused":
        raise NoTestMessage("contact {contact} gets no messages: consent refused", contact=contact_id)
    if consent is None and consent_required:
        raise NoTestMessage("contact {contact} gets no messages: consent not recorded", contact=contact_id)
    if not any(addresses):
        raise NoTestMessage(
            "contact {contact} gets no messages: said STOP, and has no other address", contact=contact_id
        )
    asked = {"since": now - LATELY, "account": audit.account(), "person": person}
    if conn.execute(TESTED, asked).fetchall()[0][0] >= MOST:
        raise NoTestMessage(
            "{by} has sent {most} test messages within 24 hours, and no more go out", by=person, most=MOST
        )
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
