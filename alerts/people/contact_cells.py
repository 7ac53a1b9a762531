"""A contact as cells of text, one a column of the CSV file: what a file, a form and a command give, checked alike.

Of a file every mistake is told at once, with its line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import phonenumbers

from alerts.people.contacts import ContactsRefused, ImportedContact
from quantrac.config.contacts import Contact
from quantrac.config.fields import SEVERITIES
from quantrac.config.notifications import Medium
from quantrac.config.sources import BadSource, read_text
from quantrac.telemetry.errors import QuantracError, TranslatableError
from quantrac.telemetry.parameters import CATALOGUE

COLUMNS: Final = (
    "name", "phone", "email", "language", "groups", "stations", "webhook", "apprise", "tags", "parameters", "media",
    "severity", "quiet", "wake", "cap", "consent", "consent_source", "accents",
)  # fmt: skip
"""Several groups or stations stand in one cell, separated by spaces or semicolons."""
ADDRESSES: Final = ("phone", "email", "webhook", "apprise")
CHOICES: Final = {
    "language": ("vi", "en"),
    "severity": SEVERITIES,
    "wake": SEVERITIES,
    "accents": ("yes", "no"),
}
"""Columns that hold one of a few words, or nothing."""
MEDIA: Final = tuple(medium.value for medium in Medium)
REQUIRED: Final = frozenset({"name", "groups"})
HOME_REGION: Final = "VN"
LONGEST_NAME: Final = 200
T = TypeVar("T")
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class CellRefused(TranslatableError):
    """The text of a cell is not what its column holds."""

    exit_code = 2


class ContactRefused(QuantracError):
    """Cells are wrong: all of them, by column."""

    exit_code = 2

    def __init__(self, problems: list[tuple[str, CellRefused]]) -> None:
        super().__init__("\n".join(f"{column}: {problem}" for column, problem in problems))
        self.problems = problems


class KnownNames(NamedTuple):
    """What may stand in cells that name something of the network."""

    groups: Collection[str]
    stations: Collection[str]


def phone_e164(text: str) -> str:
    """Return a phone number in E.164; numbers without country code are Vietnamese. Raises CellRefused."""
    try:
        number = phonenumbers.parse(text, HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise CellRefused(
            "found {found!r}, expected a phone number such as 0912345678 or +84912345678", found=text
        ) from error
    if not phonenumbers.is_valid_number(number):
        raise CellRefused(
            "found {found!r}, which is no number in use; expected e.g. 0912345678 or +84912345678", found=text
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def contact_of(cells: Mapping[str, str], known: KnownNames) -> ImportedContact:
    """Return the contact that cells say; a column that is absent is empty. Raises ContactRefused with every mistake."""
    return _Cells(cells, known).contact()


def cells_of(contact: Contact) -> dict[str, str]:
    """Return the cells that say this contact."""
    quiet = contact.quiet
    consent = source = ""
    if isinstance(contact, ImportedContact):
        given = contact.consent_on.isoformat() if contact.consent_on else ""
        consent, source = "no" if contact.consent == "refused" else given, contact.consent_source or ""
    said = {
        "name": contact.name, "phone": contact.phone, "email": contact.email, "language": contact.language,
        "groups": " ".join(contact.groups), "stations": " ".join(contact.stations), "webhook": contact.webhook,
        "apprise": contact.apprise, "tags": " ".join(contact.tags), "parameters": " ".join(contact.parameters),
        "media": " ".join(contact.media), "severity": contact.severity and contact.severity.word,
        "quiet": quiet and f"{quiet.start}-{quiet.end}", "wake": contact.wake and contact.wake.word,
        "cap": contact.cap and str(contact.cap), "consent": consent, "consent_source": source,
        "accents": "yes" if contact.accents else "no",
    }  # fmt: skip
    return {column: text or "" for column, text in said.items()}


class _Cells:
    """The cells of one contact; the mistakes in them gather in `problems`."""

    def __init__(self, cells: Mapping[str, str], known: KnownNames) -> None:
        self._cells = {column: (cells.get(column) or "").strip() for column in COLUMNS}
        self._known = known
        self.problems: list[tuple[str, CellRefused]] = []

    def contact(self) -> ImportedContact:
        """Return the contact. Raises ContactRefused."""
        phone = self._parsed("phone", phone_e164)
        self._check_cells()
        groups, stations = self._named("groups", self._known.groups), self._named("stations", self._known.stations)
        parameters, media = self._named("parameters", CATALOGUE), self._named("media", MEDIA)
        quiet, cap = self._parsed("quiet", _hours), self._parsed("cap", _count)
        consent, consent_on = self._parsed("consent", _consent) or (None, None)
        if self.problems:
            raise ContactRefused(self.problems)
        text = {name: cell or None for name, cell in self._cells.items()}
        read: dict[str, Any] = {
            "name": text["name"], "phone": phone, "email": text["email"], "language": text["language"] or "vi",
            "groups": groups, "stations": stations, "webhook": text["webhook"], "apprise": text["apprise"],
            "tags": tuple(_words(self._cells["tags"])), "parameters": parameters, "media": media,
            "severity": text["severity"], "quiet": quiet, "wake": text["wake"], "cap": cap,
            "accents": text["accents"] == "yes", "consent": consent, "consent_on": consent_on,
            "consent_source": text["consent_source"],
        }  # fmt: skip
        return ImportedContact.model_validate(read)

    def _refuse(self, column: str, problem: CellRefused) -> None:
        self.problems.append((column, problem))

    def _parsed(self, column: str, parse: Callable[[str], T]) -> T | None:
        text = self._cells[column]
        try:
            return parse(text) if text else None
        except CellRefused as error:
            self._refuse(column, error)
        return None

    def _check_cells(self) -> None:
        cells = self._cells
        if not cells["name"]:
            self._refuse("name", CellRefused("found nothing, expected a name"))
        if len(cells["name"]) > LONGEST_NAME:
            self._refuse(
                "name",
                CellRefused(
                    "found {found} characters, allowed {allowed}", found=len(cells["name"]), allowed=LONGEST_NAME
                ),
            )
        if not any(cells[name] for name in ADDRESSES):
            self._refuse(", ".join(ADDRESSES), CellRefused("found none of them, expected at least one"))
        if cells["webhook"] and not cells["webhook"].startswith(("https://", "http://")):
            self._refuse(
                "webhook", CellRefused("found {found!r}, expected an address such as https://…", found=cells["webhook"])
            )
        if cells["apprise"] and not re.match(r"[a-z][a-z0-9+.-]*://", cells["apprise"]):
            self._refuse(
                "apprise", CellRefused("found {found!r}, expected an address such as tgram://…", found=cells["apprise"])
            )
        self._parsed("email", _email)
        for name, allowed in CHOICES.items():
            if cells[name] and cells[name] not in allowed:
                self._refuse(name, _not_allowed(cells[name], allowed))

    def _named(self, column: str, known: Collection[str]) -> tuple[str, ...]:
        names = tuple(_words(self._cells[column]))
        for name in names:
            if name not in known:
                self._refuse(column, _not_allowed(name, sorted(known)))
        if column in REQUIRED and not names:
            allowed = ", ".join(sorted(known)) or NONE
            self._refuse(column, CellRefused("found nothing, expected at least one of {allowed}", allowed=allowed))
        return names


NONE: Final = "none (network.yaml names none)"


def _not_allowed(found: str, allowed: Collection[str]) -> CellRefused:
    return CellRefused("found {found!r}, allowed {allowed}", found=found, allowed=", ".join(allowed) or NONE)


def _email(text: str) -> str:
    if EMAIL.fullmatch(text) is None:
        raise CellRefused("found {found!r}, expected an address such as lan@example.org", found=text)
    return text


def _consent(text: str) -> tuple[str, date | None]:
    """Return what a person has said to messages: the day on which they agreed, or `no`. Raises CellRefused."""
    if text == "no":
        return "refused", None
    try:
        return "given", date.fromisoformat(text)
    except ValueError as error:
        raise CellRefused(
            "found {found!r}, expected the day it was given such as 2026-11-24, or no", found=text
        ) from error


def _hours(text: str) -> dict[str, str]:
    start, _, end = text.partition("-")
    try:
        return {name: f"{time.fromisoformat(clock.strip()):%H:%M}" for name, clock in (("from", start), ("to", end))}
    except ValueError as error:
        raise CellRefused("found {found!r}, expected local hours such as 21:00-04:30", found=text) from error


def _count(text: str) -> int:
    if re.fullmatch(r"0*[1-9][0-9]{0,3}", text) is None:
        raise CellRefused("found {found!r}, expected how many short messages a day, such as 10", found=text)
    return int(text)


def _words(text: str) -> Iterator[str]:
    return (word for word in re.split(r"[;\s]+", text) if word)


MOST_BYTES: Final = 20_000_000
"""Of a file: some 300,000 contacts."""


def read_csv(path: Path, known: KnownNames) -> dict[str, ImportedContact]:
    """Return the contacts of a CSV file (UTF-8, header as COLUMNS), each by its place, such as `contacts.csv:3`.

    Raises ContactsRefused with `file:line: column: what was found, what is allowed` for every mistake.
    """
    try:
        text = read_text(path, MOST_BYTES).removeprefix("\ufeff")
    except BadSource as error:
        raise ContactsRefused([f"{path}:{error.line}: {error}"]) from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    contacts: dict[str, ImportedContact] = {}
    problems: list[str] = []
    try:
        header = [name.strip() for name in reader.fieldnames or ()]
        if wrong := _header_problems(header):
            raise ContactsRefused([f"{path}:1: {problem}" for problem in wrong])
        reader.fieldnames = header
        for row in reader:
            try:
                contacts[f"{path}:{reader.line_num}"] = contact_of(row, known)
            except ContactRefused as refused:
                problems += [f"{path}:{reader.line_num}: {name}: {problem}" for name, problem in refused.problems]
    except csv.Error as error:
        raise ContactsRefused([f"{path}:{reader.reader.line_num}: found {error}, expected shorter cells"]) from error
    if problems:
        raise ContactsRefused(problems)
    return contacts


def _header_problems(header: Sequence[str]) -> list[str]:
    known = ", ".join(COLUMNS)
    problems = [f"header: found {name!r}, allowed {known}" for name in header if name not in COLUMNS]
    problems += [f"header: {name!r} is missing; expected {known}" for name in COLUMNS if name in REQUIRED - set(header)]
    return problems
