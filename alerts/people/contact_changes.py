"""Contacts changed by a person: removed, given another address, consent recorded; in force with the next hand-over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple

import psycopg

from alerts.people.contacts import UnknownContact
from alerts.telling.notification import MessageStatus, in_sql
from quantrac.config.network import Contact
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError


class ContactKept(QuantracError):
    """The change is refused; the text says why, and what to do."""


class Consent(NamedTuple):
    """What a person has said to messages."""

    says: Literal["given", "refused"]
    on: date | None


LOCK: Final = """
select phone_e164, email, webhook, apprise from contact
where contact_id = %s and active for update
"""
REMOVE: Final = "update contact set active = false where contact_id = %s"
CALL_OFF: Final = f"""
update notification set status = '{MessageStatus.DEAD}', error = %s, next_attempt_at = null
where notification_id in (
  select notification_id from notification where contact_id = %s
  and (status in {in_sql((MessageStatus.QUEUED, MessageStatus.HELD))}
       or status = '{MessageStatus.FAILED}' and next_attempt_at is not null)
  for update skip locked)
"""  # noqa: S608 (words of ours)
# What the old address refused for good goes to the new one, if its alarm still stands.
TRY_AGAIN: Final = f"""
update notification n set next_attempt_at = %s
where n.contact_id = %s and n.medium = any(%s) and n.status = '{MessageStatus.FAILED}' and exists (
  select from alarm a where a.alarm_id = n.alarm_id and a.cleared_at is null)
"""  # noqa: S608 (a word of ours)
COLUMNS: Final = {"phone": "phone_e164", "email": "email"}
MEDIA: Final = {"phone": "sms", "email": "email"}


def remove_contact(
    conn: Connection, contact_id: int, in_files: Iterable[Contact], person: str, reason: str | None, now: datetime
) -> None:
    """Tell a person nothing more: no message that waits goes out, answers and links of theirs do nothing.

    What they were told stays on record. Raises UnknownContact, and ContactKept for a contact of `network.yaml`
    (`in_files`), which would be back at the next start.
    """
    with conn.transaction():
        _lock(conn, contact_id, in_files)
        conn.execute(REMOVE, [contact_id])
        conn.execute(CALL_OFF, ["the contact was removed", contact_id])
        audit.record(conn, now, person, "remove", f"contact {contact_id}", reason)


def change_contact(
    conn: Connection,
    contact_id: int,
    in_files: Iterable[Contact],
    person: str,
    reason: str | None,
    now: datetime,
    *,
    phone: str | None = None,
    email: str | None = None,
    consent: Consent | None = None,
) -> None:
    """Give a person another number (E.164) or mail address, or record their consent; what is None stays.

    The old address gets nothing more, also of what waits: that goes to the new one. Raises UnknownContact, and
    ContactKept where another contact has the address, and for one of `network.yaml` (`in_files`).
    """
    wanted = {name: value for name, value in (("phone", phone), ("email", email)) if value is not None}
    columns: dict[str, Any] = {COLUMNS[name]: value for name, value in wanted.items()}
    if consent is not None:
        columns |= {"consent": consent.says, "consent_on": consent.on}
    if not columns:
        raise ContactKept("found nothing to change, expected a phone number, an e-mail address or a consent")
    with conn.transaction():
        _lock(conn, contact_id, in_files)
        _save(conn, contact_id, columns)
        conn.execute(TRY_AGAIN, [now, contact_id, [MEDIA[name] for name in wanted]])
        what = ", ".join([*wanted, *([] if consent is None else [f"consent {consent.says}"])])
        audit.record(conn, now, person, "change", f"contact {contact_id}", f"{what}: {reason}" if reason else what)


def _lock(conn: Connection, contact_id: int, in_files: Iterable[Contact]) -> None:
    """Lock an active contact of no file. Raises UnknownContact, ContactKept."""
    addresses = conn.execute(LOCK, [contact_id]).fetchone()
    if addresses is None:
        raise UnknownContact(f"there is no contact {contact_id}; see `quantrac contacts list`")
    for contact in in_files:
        if {contact.phone, contact.email, contact.webhook, contact.apprise} & set(addresses) - {None}:
            raise ContactKept(f"contact {contact_id} stands in network.yaml: change it there, under `contacts`")


def _save(conn: Connection, contact_id: int, columns: dict[str, Any]) -> None:
    assignments = ", ".join(f"{name} = %s" for name in columns)
    try:
        conn.execute(f"update contact set {assignments} where contact_id = %s", [*columns.values(), contact_id])  # noqa: S608
    except psycopg.errors.UniqueViolation as error:
        text = "another contact has this address; see `quantrac contacts list`, and remove that one first"
        raise ContactKept(text) from error
