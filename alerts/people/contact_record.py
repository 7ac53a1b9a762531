"""One person who gets messages: what is on record of them, what they were told and what they answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from alerts.people.contacts import SAVED, ImportedContact, UnknownContact, addresses_of
from alerts.telling.gsm import length
from quantrac.config.contacts import Contact
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import TranslatableError


class ContactKept(TranslatableError):
    """The change is refused; the text says why, and what to do."""


NOBODY: Final = ImportedContact.model_construct(name="", groups=())
"""What is left of a person whose data are erased."""


@dataclass(frozen=True, slots=True)
class ContactRecord:
    """A contact as the database has it."""

    contact_id: int
    contact: ImportedContact
    """NOBODY: the person's data are erased."""
    active: bool
    """False: removed."""
    stopped_at: datetime | None
    """When the person asked for no more short messages."""
    erased_at: datetime | None
    seen: int
    """The newest row of the audit about the contact."""


RECORD: Final = f"""
select {", ".join(SAVED)}, contact_id, active, stopped_at, erased_at, coalesce((
  select max(audit_id) from audit where subject = 'contact ' || contact_id), 0)
from contact where contact_id = %s
"""  # noqa: S608 (names of ours)
MEANWHILE: Final = """
select person, at from v_audit where object = %s and audit_id > %s and person <> %s
  and act not in ('test', 'export')
order by audit_id desc limit 1
"""


def contact_record(conn: Connection, contact_id: int) -> ContactRecord:
    """Return what is on record of one contact, also of one who was removed. Raises UnknownContact."""
    return _record(conn, contact_id, RECORD)


def hold_contact(
    conn: Connection,
    contact_id: int,
    in_files: Iterable[Contact],
    seen: int | None,
    reader: str,
    *,
    also_removed: bool = False,
) -> ContactRecord:
    """Hold a contact of no file, in the caller's transaction, as somebody sees it who is about to change it.

    Args:
        conn: within a transaction.
        contact_id: the contact.
        in_files: the contacts of `network.yaml`: what is changed here would be back at the next start.
        seen: `ContactRecord.seen` when the reader looked; None: they did not.
        reader: who looked; what they did themselves since then is no news to them.
        also_removed: whether it may be one who was removed.

    Raises UnknownContact, ContactKept: also where another person has changed the contact since the reader looked.
    """
    record = _record(conn, contact_id, f"{RECORD} for update")
    if not (record.active or also_removed) or record.erased_at is not None:
        raise UnknownContact("there is no contact {contact}; see `quantrac contacts list`", contact=contact_id)
    if stands_in(record.contact, in_files):
        raise ContactKept("contact {contact} stands in network.yaml: change it there", contact=contact_id)
    if seen is not None:
        row = conn.execute(MEANWHILE, [f"contact {contact_id}", seen, reader]).fetchone()
        if row is not None:
            raise ContactKept(
                "since you looked {by} has changed this contact, at {at}; look, and send it again if you still want to",
                by=row[0], at=row[1],
            )  # fmt: skip
    return record


def stands_in(contact: Contact, in_files: Iterable[Contact]) -> bool:
    """Return whether one of the files' contacts has an address of this one. Pure."""
    own = set(addresses_of(contact))
    return any(not own.isdisjoint(addresses_of(one)) for one in in_files)


def _record(conn: Connection, contact_id: int, query: str) -> ContactRecord:
    row = conn.execute(query, [contact_id]).fetchone()
    if row is None:
        raise UnknownContact("there is no contact {contact}; see `quantrac contacts list`", contact=contact_id)
    said, (number, active, stopped_at, erased_at, seen) = row[: len(SAVED)], row[len(SAVED) :]
    contact = NOBODY if erased_at is not None else _contact(dict(zip(SAVED, said, strict=True)))
    return ContactRecord(number, contact, active, stopped_at, erased_at, seen)


def _contact(said: dict[str, Any]) -> ImportedContact:
    start, end = said.pop("quiet_from"), said.pop("quiet_to")
    said["quiet"] = None if start is None else {"from": f"{start:%H:%M}", "to": f"{end:%H:%M}"}
    said["phone"], said["accents"] = said.pop("phone_e164"), said.pop("accented")
    return ImportedContact.model_validate(said)


@dataclass(frozen=True, slots=True)
class ToldLine:
    """One message to the person, or one answer of theirs (`answer`)."""

    at: datetime
    """When it was queued, or came in."""
    number: int
    """Of the message, or of the answer."""
    medium: str
    carrier: str | None
    """Who took it, failed last, or brought the answer."""
    body: str
    answer: str | None = None
    """What was made of an answer; None: it is a message of ours."""
    purpose: str | None = None
    status: str | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    next_attempt_at: datetime | None = None
    """When it is tried next, or until when it is held."""
    held_for: str | None = None
    error: str | None = None
    alarm_id: int | None = None
    station: str | None = None
    title: dict[str, str] | None = None
    """What the alarm is called, by language."""
    subject: str | None = None

    @property
    def parts(self) -> int | None:
        """Parts of a short message."""
        return length(self.body).segments if self.medium == "sms" and self.answer is None else None


TOLD: Final = """
select n.queued_at, n.notification_id, n.medium, n.carrier, m.body, null, n.purpose, n.status, n.sent_at,
       n.delivered_at, n.next_attempt_at, n.held_for, n.error, n.alarm_id, a.station, a.texts->'title', m.subject
from v_notification n join notification m using (notification_id) left join alarm a on a.alarm_id = n.alarm_id
where n.contact_id = %(contact)s and n.queued_at < coalesce(%(before)s::timestamptz, 'infinity')
order by n.queued_at desc fetch first %(limit)s rows with ties
"""
ANSWERED: Final = """
select received_at, inbound_id, 'sms', carrier, body, coalesce(meaning, '') from sms_inbound
where contact_id = %(contact)s and received_at < coalesce(%(before)s::timestamptz, 'infinity')
order by received_at desc fetch first %(limit)s rows with ties
"""


ALL: Final = 2**31 - 1


def told(conn: Connection, contact_id: int, *, before: datetime | None = None, limit: int = ALL) -> list[ToldLine]:
    """Return messages to a contact and answers of theirs before a time, the newest first.

    `limit`: as many, and further ones of the same moment as the last, so that the next page begins before it.
    """
    values = {"contact": contact_id, "before": before, "limit": limit}
    found = [ToldLine(*row) for query in (TOLD, ANSWERED) for row in conn.execute(query, values)]
    found.sort(key=lambda line: (line.at, line.number), reverse=True)
    return found if len(found) <= limit else [line for line in found if line.at >= found[limit - 1].at]


LOG: Final = """
select coalesce(n.sent_at, n.queued_at), c.name, n.medium, v.contact_masked, n.purpose, n.alarm_id, v.status, n.carrier,
       n.delivered_at,
       case when a.acknowledged_by in (c.name, 'contact ' || c.contact_id) then a.acknowledged_at end, n.error,
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
