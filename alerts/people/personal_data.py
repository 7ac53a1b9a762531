"""What is kept of one person: given to them as a whole, or erased; alarms and the audit then keep a number alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from alerts.people.contact_cells import cells_of, phone_e164
from alerts.people.contact_changes import call_off_messages
from alerts.people.contact_record import ContactKept, contact_record, hold_contact, told
from alerts.people.contacts import UnknownContact
from alerts.telling.notification import HANDED_OVER
from quantrac.config.contacts import Contact
from quantrac.database import audit
from quantrac.database.pool import Connection

ACTS: Final = "select at, action, subject, reason, way from audit where account = %s order by audit_id"
CHANGES: Final = """
select at, action, detail->'changed' from audit where subject = %s and action <> 'export' order by audit_id
"""


def export_contact(conn: Connection, contact_id: int, person: str, reason: str | None, now: datetime) -> dict[str, Any]:
    """Return everything that is kept of one person: addresses, wishes, consent, messages, answers, acts.

    What it holds is for the person themselves: addresses are not masked. Raises UnknownContact.
    """
    name = audit.contact_account(contact_id)
    with conn.transaction():
        record = contact_record(conn, contact_id)
        if record.erased_at is not None:
            raise UnknownContact("there is no contact {contact}; see `quantrac contacts list`", contact=contact_id)
        lines = told(conn, contact_id)
        acts, changes = conn.execute(ACTS, [name]).fetchall(), conn.execute(CHANGES, [name]).fetchall()
        audit.record(conn, now, person, "export", f"contact {contact_id}", reason)
    return {
        "contact": contact_id, "exported_at": now, "active": record.active, "stopped_at": record.stopped_at,
        **cells_of(record.contact),
        "messages": [
            {
                "queued_at": line.at, "medium": line.medium, "carrier": line.carrier, "purpose": line.purpose,
                "status": line.status, "sent_at": line.sent_at, "delivered_at": line.delivered_at,
                "alarm": line.alarm_id, "subject": line.subject, "text": line.body, "error": line.error,
            }
            for line in lines if line.answer is None
        ],
        "answers": [
            {"received_at": line.at, "carrier": line.carrier, "text": line.body, "meaning": line.answer}
            for line in lines if line.answer is not None
        ],
        "acts": [dict(zip(("at", "act", "object", "reason", "way"), row, strict=True)) for row in acts],
        "changes": [dict(zip(("at", "act", "columns"), row, strict=True)) for row in changes],
    }  # fmt: skip


SAME_PERSON: Final = """
select contact_id, phone_e164 from contact where contact_id = %(contact)s or erased_at is null and not active and (
  phone_e164 = %(phone)s or lower(email) = lower(%(email)s) or webhook = %(webhook)s or apprise = %(apprise)s)
order by contact_id for update
"""
IN_HANDOVER: Final = f"select from notification where contact_id = %s and status in {HANDED_OVER} for update"
"""It waits for a sender that holds a message of theirs, which would note the number anew."""
FORGET_PARTS: Final = """
delete from sms_part where key in (select key from notification where contact_id = %s)
"""
FORGET_ANSWERS: Final = """
delete from sms_inbound where contact_id = %(contact)s or contact_id is null and from_number = %(phone)s
"""
FORGET_CARRIERS: Final = """
update notification set provider_ref = null, error = without_addresses(error) where contact_id = %s
"""
FORGET_CONTACT: Final = """
update contact set active = false, erased_at = %(now)s, name = '', phone_e164 = null, email = null, webhook = null,
  apprise = null, groups = '{}', stations = '{}', tags = '{}', parameters = '{}', media = '{}', severity = null,
  quiet_from = null, quiet_to = null, wake = null, cap = null, consent = null, consent_on = null, consent_source = null,
  stopped_at = null, language = 'vi', accented = false
where contact_id = %(contact)s
"""


def erase_contact(
    conn: Connection,
    contact_id: int,
    in_files: Iterable[Contact],
    person: str,
    reason: str | None,
    now: datetime,
    *,
    seen: int | None = None,
) -> None:
    """Erase the data of one person for good; contacts who were removed and had the same address are the same person.

    What goes: name, addresses, wishes, consent, answers, what carriers know the messages by. What waits is called off.
    What stays for the record names nobody: that messages went out, what they said, and acts on alarms, as those of
    `contact 12`. Raises UnknownContact, ContactKept.
    """
    with conn.transaction():
        contact = hold_contact(conn, contact_id, in_files, seen, person, also_removed=True).contact
        sought = {
            "contact": contact_id, "phone": contact.phone, "email": contact.email, "webhook": contact.webhook,
            "apprise": contact.apprise,
        }  # fmt: skip
        for one, phone in conn.execute(SAME_PERSON, sought).fetchall():
            _forget(conn, one, phone, now)
            audit.record(conn, now, person, "erase", f"contact {one}", reason)


WHOSE: Final = "select contact_id from contact where phone_e164 = %s"
FORGET_NUMBER: Final = "delete from sms_inbound where contact_id is null and from_number = any(%s)"


def erase_number(conn: Connection, phone: str, person: str, reason: str | None, now: datetime) -> int:
    """Erase the short messages that came from a number of nobody whom we know, and return how many there were.

    Somebody whose data are erased may write again. Raises CellRefused for no number, ContactKept for a contact's.
    """
    number = phone_e164(phone)
    with conn.transaction():
        row = conn.execute(WHOSE, [number]).fetchone()
        if row is not None:
            raise ContactKept("contact {contact} has this number: erase that contact", contact=row[0])
        erased = conn.execute(FORGET_NUMBER, [[number, phone.strip()]]).rowcount
        audit.record(conn, now, person, "erase", "stranger", reason, {"messages": erased})
    return erased


def _forget(conn: Connection, contact_id: int, phone: str | None, now: datetime) -> None:
    conn.execute(IN_HANDOVER, [contact_id])
    call_off_messages(conn, contact_id, "the contact was removed")
    conn.execute(FORGET_PARTS, [contact_id])
    conn.execute(FORGET_ANSWERS, {"contact": contact_id, "phone": phone})
    conn.execute(FORGET_CARRIERS, [contact_id])
    conn.execute(FORGET_CONTACT, {"now": now, "contact": contact_id})
