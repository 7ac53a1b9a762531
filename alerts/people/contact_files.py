"""The CSV file of contacts: checked cell by cell, every mistake at once."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, time
from pathlib import Path
from typing import Final, TypeVar

import phonenumbers

from alerts.people.contact_changes import Consent
from alerts.people.contacts import ImportedContact
from quantrac.config.fields import SEVERITIES
from quantrac.config.notifications import Medium
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.parameters import CATALOGUE

COLUMNS: Final = (
    "name", "phone", "email", "language", "groups", "stations", "webhook", "apprise", "tags", "parameters", "media",
    "severity", "quiet", "wake", "cap", "consent", "accents",
)  # fmt: skip
"""Header of the CSV file; several groups or stations stand in one cell, separated by spaces or semicolons."""
ADDRESSES: Final = ("phone", "email", "webhook", "apprise")
WORDS: Final = {
    "language": ("vi", "en"),
    "severity": SEVERITIES,
    "wake": SEVERITIES,
    "accents": ("yes", "no"),
}
"""Columns that hold one of a few words, or nothing."""
MEDIA: Final = tuple(medium.value for medium in Medium)
REQUIRED: Final = frozenset({"name", "groups"})
HOME_REGION: Final = "VN"
T = TypeVar("T")
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class ContactsRefused(QuantracError):
    """A contacts file holds mistakes; all of them are listed, one a line, and nothing is imported."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class AddressRefused(QuantracError):
    """A text that is no phone number, no mail address or no consent."""

    exit_code = 2


def phone_e164(text: str) -> str:
    """Return a phone number in E.164; numbers without country code are Vietnamese. Raises AddressRefused."""
    try:
        number = phonenumbers.parse(text, HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise AddressRefused(f"found {text!r}, expected a phone number such as 0912345678 or +84912345678") from error
    if not phonenumbers.is_valid_number(number):
        raise AddressRefused(f"found {text!r}, which is no number in use; expected e.g. 0912345678 or +84912345678")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email_of(text: str) -> str:
    """Return a mail address. Raises AddressRefused."""
    if EMAIL.fullmatch(text) is None:
        raise AddressRefused(f"found {text!r}, expected an address such as lan@example.org")
    return text


def read_consent(text: str) -> Consent:
    """Return what a person has said to messages: the day on which they agreed, or `no`. Raises AddressRefused."""
    if text == "no":
        return Consent("refused", None)
    try:
        return Consent("given", date.fromisoformat(text))
    except ValueError as error:
        raise AddressRefused(f"found {text!r}, expected the day it was given such as 2026-11-24, or no") from error


def read_csv(path: Path, *, groups: Collection[str], stations: Collection[str]) -> list[ImportedContact]:
    """Return the contacts of a CSV file (UTF-8, header as COLUMNS).

    Raises ContactsRefused with `file:line: column: what was found, what is allowed` for every mistake.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        header = [name.strip() for name in reader.fieldnames or ()]
        problems = [f"{path}:1: {problem}" for problem in _header_problems(header)]
        if problems:
            raise ContactsRefused(problems)
        reader.fieldnames = header
        lines = [_Line(row, f"{path}:{reader.line_num}", groups, stations) for row in reader]
    contacts = [contact for line in lines if (contact := line.contact()) is not None]
    problems = [problem for line in lines for problem in line.problems] + _twice(contacts, path)
    if problems:
        raise ContactsRefused(problems)
    return contacts


def _header_problems(header: Sequence[str]) -> list[str]:
    known = ", ".join(COLUMNS)
    problems = [f"header: found {name!r}, allowed {known}" for name in header if name not in COLUMNS]
    problems += [f"header: {name!r} is missing; expected {known}" for name in COLUMNS if name in REQUIRED - set(header)]
    return problems


class _Line:
    """One line of the file; the mistakes in its cells gather in `problems`."""

    def __init__(self, row: dict[str, str], place: str, groups: Collection[str], stations: Collection[str]) -> None:
        self._cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
        self._place, self._groups, self._stations = place, groups, stations
        self.problems: list[str] = []

    def contact(self) -> ImportedContact | None:
        """Return the contact; None where something is wrong with it, which is noted."""
        phone = self._parsed("phone", phone_e164, "a phone number")
        self._check_cells()
        groups, stations = self._named("groups", self._groups), self._named("stations", self._stations)
        parameters, media = self._named("parameters", CATALOGUE), self._named("media", MEDIA)
        quiet = self._parsed("quiet", _hours, "local hours such as 21:00-04:30")
        cap = self._parsed("cap", _count, "how many short messages a day, such as 10")
        consent, consent_on = self._parsed("consent", read_consent, "a consent") or (None, None)
        if self.problems:
            return None
        text = {name: cell or None for name, cell in self._cells.items()}
        read = {
            "name": text["name"], "phone": phone, "email": text["email"], "language": text["language"] or "vi",
            "groups": groups, "stations": stations, "webhook": text["webhook"], "apprise": text["apprise"],
            "tags": _words(self._cells["tags"]), "parameters": parameters, "media": media,
            "severity": text["severity"], "quiet": quiet, "wake": text["wake"], "cap": cap,
            "accents": text["accents"] == "yes", "consent": consent, "consent_on": consent_on,
        }  # fmt: skip
        return ImportedContact.model_validate(read)

    def _refuse(self, column: str, problem: str) -> None:
        self.problems.append(f"{self._place}: {column}: {problem}")

    def _parsed(self, column: str, parse: Callable[[str], T], expected: str) -> T | None:
        text = self._cells[column]
        try:
            return parse(text) if text else None
        except AddressRefused as error:
            self._refuse(column, str(error))
        except ValueError:
            self._refuse(column, f"found {text!r}, expected {expected}")
        return None

    def _check_cells(self) -> None:
        cells = self._cells
        if not cells["name"]:
            self._refuse("name", "found nothing, expected a name")
        if not any(cells[name] for name in ADDRESSES):
            self._refuse(", ".join(ADDRESSES), "found none of them, expected at least one")
        if cells["webhook"] and not cells["webhook"].startswith(("https://", "http://")):
            self._refuse("webhook", f"found {cells['webhook']!r}, expected an address such as https://…")
        self._parsed("email", email_of, "an address")
        for name, allowed in WORDS.items():
            if cells[name] and cells[name] not in allowed:
                self._refuse(name, f"found {cells[name]!r}, allowed {', '.join(allowed)}")

    def _named(self, column: str, known: Collection[str]) -> tuple[str, ...]:
        names = tuple(_words(self._cells[column]))
        allowed = ", ".join(sorted(known)) or "none (network.yaml names none)"
        for name in names:
            if name not in known:
                self._refuse(column, f"found {name!r}, allowed {allowed}")
        if column in REQUIRED and not names:
            self._refuse(column, f"found nothing, expected at least one of {allowed}")
        return names


def _hours(text: str) -> dict[str, str]:
    start, _, end = text.partition("-")
    return {name: f"{time.fromisoformat(clock.strip()):%H:%M}" for name, clock in (("from", start), ("to", end))}


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[;\s]+", text) if word]


def _addresses(contact: ImportedContact) -> Iterator[str]:
    yield from filter(None, (contact.phone, (contact.email or "").lower(), contact.webhook, contact.apprise))


def _twice(contacts: Iterable[ImportedContact], path: Path) -> list[str]:
    """Nobody may stand twice in a file: one would overwrite the other."""
    seen: set[str] = set()
    problems = []
    for contact in contacts:
        for address in _addresses(contact):
            if address in seen:
                problems.append(f"{path}: {address} stands twice")
            seen.add(address)
    return problems
