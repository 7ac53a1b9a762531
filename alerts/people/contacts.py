"""Contacts in the database: saves those of a file, and finds the known person whom each of them means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time
from typing import Any, Final, Literal, NamedTuple

from alerts.telling.notification import MessageStatus
from quantrac.config.contacts import Contact
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError, TranslatableError


class UnknownContact(TranslatableError):
    """There is no contact of that number, or not any more."""


class ImportedContact(Contact):
    """A person who stands in no file of ours: a contact, and the consent that is on record."""

    consent: Literal["given", "refused"] | None = None
    """None: not recorded."""
    consent_on: date | None = None
    consent_source: str | None = None
    """How the person said it: on paper, by telephone."""


class ContactsRefused(QuantracError):
    """Contacts of a file cannot be taken as they stand: every mistake is named, one a line, and nothing is saved."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def save_contacts(
    conn: Connection, contacts: Mapping[str, Contact], now: datetime, person: str = "configuration"
) -> int:
    """Add the contacts of a file, or bring those who are known up to date; return how many changed.

    One with an address of ours is known. So is one of the same name, groups and stations, if these name one person
    there and here, and none of the person's addresses is another's in the file: he or she has another number now.

    `contacts`: by where each stands, such as `contacts.csv:3`. Raises ContactsRefused where an address stands twice,
    and where the name means one person and the address another one, as when the numbers of two are swapped.
    """
    with conn.transaction():
        known = _known(conn, contacts)
        return sum(_save(conn, contact, known[place], now, person) for place, contact in contacts.items())


def problems_of(contacts: Mapping[str, Contact], conn: Connection | None) -> list[str]:
    """Return why `save_contacts` would refuse these contacts; `conn` None: as far as the file alone says."""
    if conn is None:
        return [*_twice(contacts)]
    try:
        with conn.transaction(force_rollback=True):
            _known(conn, contacts)
    except ContactsRefused as refused:
        return refused.problems
    return []


def _known(conn: Connection, contacts: Mapping[str, Contact]) -> dict[str, _Known | None]:
    """Return the person whom each contact of a file means, None: nobody who is known. Raises ContactsRefused.

    Of two lines with addresses of one person the first means this person, the second somebody new.
    """
    file, taken = _File.of(contacts), set[int]()
    problems, found = list(_twice(contacts)), dict[str, _Known | None]()
    for place, contact in contacts.items():
        try:
            known = _meant(conn, contact, file)
        except _TwoMeant as two:
            problems.append(f"{place}: {two}; if it changed hands, say so first: quantrac contacts change")
            continue
        found[place] = known if known is not None and known.contact_id not in taken else None
        taken |= {known.contact_id} if known else set()
    if problems:
        raise ContactsRefused(problems)
    return found


def _twice(contacts: Mapping[str, Contact]) -> Iterator[str]:
    """Yield where an address stands that another contact of the file has, too: one would overwrite the other."""
    seen: dict[str, str] = {}
    for place, contact in contacts.items():
        for address in addresses_of(contact):
            first = seen.setdefault(address, place)
            if first != place:
                yield f"{place}: has an address that stands at {first}, too; expected each address once"


SAVED: Final = (
    "name", "phone_e164", "email", "language", "groups", "stations", "webhook", "apprise", "tags", "parameters",
    "media", "severity", "quiet_from", "quiet_to", "wake", "cap", "consent", "consent_on", "consent_source", "accented",
)  # fmt: skip
PHONE, EMAIL, CONSENT = (SAVED.index(name) for name in ("phone_e164", "email", "consent"))
FIND: Final = f"""
select contact_id, {", ".join(SAVED)} from contact
where active and (phone_e164 = %s or lower(email) = lower(%s) or webhook = %s or apprise = %s)
order by contact_id for update
"""  # noqa: S608 (names of ours)
NAMESAKES: Final = f"""
select contact_id, {", ".join(SAVED)} from contact
where active and lower(name) = lower(%(name)s) and groups @> %(groups)s and groups <@ %(groups)s
  and stations @> %(stations)s and stations <@ %(stations)s
order by contact_id limit 2 for update
"""  # noqa: S608 (names of ours)
TRY_AGAIN: Final = f"""
update notification n set next_attempt_at = %s, failed_at = null
where n.contact_id = %s and n.medium = any(%s) and n.status = '{MessageStatus.FAILED}' and exists (
  select from alarm a where a.alarm_id = n.alarm_id and a.cleared_at is null)
"""  # noqa: S608 (a word of ours)
ADD: Final = f"""
insert into contact ({", ".join(SAVED)}) values ({", ".join(["%s"] * len(SAVED))}) returning contact_id
"""  # noqa: S608 (names of ours)
CHANGE: Final = f"update contact set {', '.join(f'{name} = %s' for name in SAVED)} where contact_id = %s"  # noqa: S608


class _TwoMeant(Exception):
    """The name or the addresses of a contact in a file are those of different people."""


_Role = tuple[str, frozenset[str], frozenset[str]]
"""Name, groups and stations: what names somebody whose address is new."""


class _File(NamedTuple):
    """What a person is sought with beside the own addresses."""

    roles: Mapping[_Role, Sequence[str]]
    """Where each name stands for the same groups and stations."""
    addresses: Set[str]
    """All that stand in it."""

    @classmethod
    def of(cls, contacts: Mapping[str, Contact]) -> _File:
        roles: dict[_Role, list[str]] = {}
        for place, contact in contacts.items():
            roles.setdefault(_role(contact), []).append(place)
        return cls(roles, {address for contact in contacts.values() for address in addresses_of(contact)})


class _Known(NamedTuple):
    """A contact of the database, with the columns of SAVED."""

    contact_id: int
    columns: tuple[Any, ...]

    @property
    def role(self) -> _Role:
        name, groups, stations = (self.columns[SAVED.index(one)] for one in ("name", "groups", "stations"))
        return name.lower(), frozenset(groups), frozenset(stations)

    @property
    def addresses(self) -> set[str]:
        phone, email, *others = (
            self.columns[SAVED.index(one)] for one in ("phone_e164", "email", "webhook", "apprise")
        )
        return {address for address in (phone, (email or "").lower(), *others) if address}


def _role(contact: Contact) -> _Role:
    return contact.name.lower(), frozenset(contact.groups), frozenset(contact.stations)


def addresses_of(contact: Contact) -> Iterator[str]:
    """Yield the addresses of a contact, those of mail in lower case."""
    yield from filter(None, (contact.phone, (contact.email or "").lower(), contact.webhook, contact.apprise))


def columns_of_contact(contact: Contact) -> list[Any]:
    """Return a contact as the columns of `SAVED`."""
    quiet = contact.quiet
    hours = (None, None) if quiet is None else (time.fromisoformat(quiet.start), time.fromisoformat(quiet.end))
    severity, wake = (None if one is None else one.word for one in (contact.severity, contact.wake))
    consent: tuple[Any, ...] = (None, None, None)
    if isinstance(contact, ImportedContact):
        consent = contact.consent, contact.consent_on, contact.consent_source
    return [
        contact.name, contact.phone, contact.email, contact.language, list(contact.groups), list(contact.stations),
        contact.webhook, contact.apprise, list(contact.tags), list(contact.parameters), list(contact.media),
        severity, *hours, wake, contact.cap, *consent, contact.accents,
    ]  # fmt: skip


def _meant(conn: Connection, contact: Contact, file: _File) -> _Known | None:
    """Return the person whom a contact of a file means; None: nobody who is known. Raises _TwoMeant."""
    found = _rows(conn, FIND, [contact.phone, contact.email, contact.webhook, contact.apprise])
    if len(found) > 1:
        raise _TwoMeant(f"its addresses are those of contacts {' and '.join(str(one.contact_id) for one in found)}")
    role = _role(contact)
    if found and found[0].role[0] == role[0]:
        return found[0]
    values = {"name": contact.name, "groups": list(contact.groups), "stations": list(contact.stations)}
    named = _rows(conn, NAMESAKES, values) if len(file.roles[role]) == 1 else []
    named = named if len(named) == 1 else []
    if not found:
        return next((one for one in named if not one.addresses & file.addresses), None)
    if named:
        raise _TwoMeant(
            f"the name is that of contact {named[0].contact_id}, the address of contact {found[0].contact_id}"
        )
    if found[0].role in file.roles:
        stands = file.roles[found[0].role][0]
        raise _TwoMeant(f"the address is that of contact {found[0].contact_id}, whose name stands at {stands}")
    return found[0]


def _rows(conn: Connection, query: str, values: Any) -> list[_Known]:
    return [_Known(number, tuple(columns)) for number, *columns in conn.execute(query, values)]


def _save(conn: Connection, contact: Contact, found: _Known | None, now: datetime, person: str) -> bool:
    wanted = columns_of_contact(contact)
    if found is None:
        row = conn.execute(ADD, wanted).fetchone()
        assert row is not None
        audit.record(conn, now, person, "add", f"contact {row[0]}")
        return True
    known = list(found.columns)
    if wanted[CONSENT] is None:  # a file that says nothing of it takes nothing back
        wanted[CONSENT : CONSENT + 3] = known[CONSENT : CONSENT + 3]
    if known == wanted:
        return False
    conn.execute(CHANGE, [*wanted, found.contact_id])
    moved = [medium for medium, at in (("sms", PHONE), ("email", EMAIL)) if known[at] != wanted[at]]
    try_again(conn, found.contact_id, moved, now)
    audit.record(conn, now, person, "change", f"contact {found.contact_id}")
    return True


def try_again(conn: Connection, contact_id: int, media: Sequence[str], now: datetime) -> None:
    """Send messages that a contact's former addresses refused for good to the new ones, if their alarm still stands."""
    conn.execute(TRY_AGAIN, [now, contact_id, list(media)])
