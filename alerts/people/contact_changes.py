"""Contacts changed by a person: added, changed, removed; in force with the next hand-over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import psycopg

from alerts.people.contact_cells import COLUMNS, KnownNames, cells_of, contact_of
from alerts.people.contact_record import ContactKept, ContactRecord, hold_contact
from alerts.people.contacts import ADD, CHANGE, ImportedContact, columns_of_contact, try_again
from alerts.telling.notification import MessageStatus, in_sql
from quantrac.config.contacts import Contact
from quantrac.database import audit
from quantrac.database.pool import Connection

REMOVE: Final = "update contact set active = false where contact_id = %s"
CALL_OFF: Final = f"""
update notification set status = '{MessageStatus.DEAD}', error = %s, next_attempt_at = null
where notification_id in (
  select notification_id from notification where contact_id = %s
  and (status in {in_sql((MessageStatus.QUEUED, MessageStatus.HELD))}
       or status = '{MessageStatus.FAILED}' and next_attempt_at is not null)
  for update skip locked)
"""  # noqa: S608 (words of ours)
MEDIA_OF: Final = {"phone": "sms", "email": "email", "webhook": "webhook", "apprise": "apprise"}


def add_contact(
    conn: Connection, cells: Mapping[str, str], known: KnownNames, person: str, reason: str | None, now: datetime
) -> int:
    """Add one person, as cells of `alerts.people.contact_cells` say it, and return the number.

    Raises ContactRefused for cells that are wrong, ContactKept where another contact has one of the addresses.
    """
    contact = contact_of(cells, known)
    with conn.transaction():
        with _own_addresses():
            row = conn.execute(ADD, columns_of_contact(contact)).fetchone()
        assert row is not None
        audit.record(conn, now, person, "add", f"contact {row[0]}", reason)
    return int(row[0])


def change_contact(
    conn: Connection,
    contact_id: int,
    in_files: Iterable[Contact],
    cells: Mapping[str, str],
    known: KnownNames,
    person: str,
    reason: str | None,
    now: datetime,
    *,
    seen: int | None = None,
) -> list[str]:
    """Change what the cells name, and return the columns that differ; what waits goes to a new address.

    `seen`: `ContactRecord.seen` of whoever decides; None: they did not look. The audit names the columns, never what
    stands in them. Raises UnknownContact, ContactRefused, ContactKept.
    """
    with conn.transaction():
        record = hold_contact(conn, contact_id, in_files, seen, person)
        before = cells_of(record.contact)
        wanted = contact_of({**before, **cells}, _known_to(record, known))
        after = cells_of(wanted)
        changed = [column for column in COLUMNS if after[column] != before[column]]
        if not changed:
            raise ContactKept("found nothing to change")
        with _own_addresses():
            conn.execute(CHANGE, [*columns_of_contact(wanted), contact_id])
        try_again(conn, contact_id, [MEDIA_OF[column] for column in changed if column in MEDIA_OF], now)
        audit.record(conn, now, person, "change", f"contact {contact_id}", reason, {"changed": changed})
    return changed


def remove_contact(
    conn: Connection,
    contact_id: int,
    in_files: Iterable[Contact],
    person: str,
    reason: str | None,
    now: datetime,
    *,
    seen: int | None = None,
) -> None:
    """Tell a person nothing more: no message that waits goes out, answers and links of theirs do nothing.

    What they were told stays on record. Raises UnknownContact, ContactKept.
    """
    with conn.transaction():
        hold_contact(conn, contact_id, in_files, seen, person)
        conn.execute(REMOVE, [contact_id])
        call_off_messages(conn, contact_id, "the contact was removed")
        audit.record(conn, now, person, "remove", f"contact {contact_id}", reason)


def call_off_messages(conn: Connection, contact_id: int, why: str) -> None:
    """Give up what waits for a contact."""
    conn.execute(CALL_OFF, [why, contact_id])


def _known_to(record: ContactRecord, known: KnownNames) -> KnownNames:
    """Return the names that a contact's cells may have: those of the network, and those that are there already."""
    contact: ImportedContact = record.contact
    return KnownNames({*known.groups, *contact.groups}, {*known.stations, *contact.stations})


@contextmanager
def _own_addresses() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise ContactKept("another contact has this address; change or remove that one first") from error
