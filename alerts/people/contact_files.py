"""The CSV file of contacts: checked cell by cell, every mistake at once."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, time
from pathlib import Path
from typing import Final

import phonenumbers

from alerts.people.contacts import NewContact
from alerts.telling.contact import Medium
from quantrac.config.fields import SEVERITIES
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
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class ContactsRefused(QuantracError):
    """A contacts file holds mistakes; all of them are listed, one a line, and nothing is imported."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class PhoneRefused(QuantracError):
    """A text that is no phone number."""


def phone_e164(text: str) -> str:
    """Return a phone number in E.164; numbers without country code are Vietnamese. Raises PhoneRefused."""
    try:
        number = phonenumbers.parse(text, HOME_REGION)
    except phonenumbers.NumberParseException as error:
        raise PhoneRefused(f"found {text!r}, expected a phone number such as 0912345678 or +84912345678") from error
    if not phonenumbers.is_valid_number(number):
        raise PhoneRefused(f"found {text!r}, which is no number in use; expected e.g. 0912345678 or +84912345678")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def read_csv(path: Path, *, groups: Collection[str], stations: Collection[str]) -> list[NewContact]:
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
        contacts = [_contact(row, f"{path}:{reader.line_num}", groups, stations, problems) for row in reader]
    problems += _twice(contacts, path)
    if problems:
        raise ContactsRefused(problems)
    return [contact for contact in contacts if contact is not None]


def _header_problems(header: Sequence[str]) -> list[str]:
    known = ", ".join(COLUMNS)
    problems = [f"header: found {name!r}, allowed {known}" for name in header if name not in COLUMNS]
    problems += [f"header: {name!r} is missing; expected {known}" for name in COLUMNS if name in REQUIRED - set(header)]
    return problems


def _contact(
    row: dict[str, str], place: str, groups: Collection[str], stations: Collection[str], problems: list[str]
) -> NewContact | None:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    before = len(problems)
    phone = _phone(cells["phone"], place, problems)
    problems += _cell_problems(cells, place)
    named_groups = _named(cells["groups"], groups, f"{place}: groups", problems)
    named_stations = _named(cells["stations"], stations, f"{place}: stations", problems)
    parameters = _named(cells["parameters"], CATALOGUE, f"{place}: parameters", problems)
    media = _named(cells["media"], MEDIA, f"{place}: media", problems)
    quiet, cap = _quiet(cells["quiet"], place, problems), _cap(cells["cap"], place, problems)
    consent = _consent(cells["consent"], place, problems)
    if len(problems) > before:
        return None
    return NewContact(
        cells["name"], phone, cells["email"] or None, cells["language"] or "vi", named_groups, named_stations,
        cells["webhook"] or None, cells["apprise"] or None, tuple(_words(cells["tags"])), parameters, media,
        cells["severity"] or None, quiet, cells["wake"] or None, cap, *consent, cells["accents"] == "yes",
    )  # fmt: skip


def _quiet(text: str, place: str, problems: list[str]) -> tuple[time, time] | None:
    if not text:
        return None
    start, _, end = text.partition("-")
    try:
        return time.fromisoformat(start.strip()), time.fromisoformat(end.strip())
    except ValueError:
        problems.append(f"{place}: quiet: found {text!r}, expected local hours such as 21:00-04:30")
        return None


def _cap(text: str, place: str, problems: list[str]) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        problems.append(f"{place}: cap: found {text!r}, expected how many short messages a day, such as 10")
        return None
    return int(text)


def _consent(text: str, place: str, problems: list[str]) -> tuple[str | None, date | None]:
    if text in ("", "no"):
        return ("refused" if text else None), None
    try:
        return "given", date.fromisoformat(text)
    except ValueError:
        problems.append(f"{place}: consent: found {text!r}, expected the day it was given such as 2026-11-24, or no")
        return None, None


def _phone(text: str, place: str, problems: list[str]) -> str | None:
    if not text:
        return None
    try:
        return phone_e164(text)
    except PhoneRefused as error:
        problems.append(f"{place}: phone: {error}")
        return None


def _cell_problems(cells: dict[str, str], place: str) -> list[str]:
    problems = []
    if not cells["name"]:
        problems.append(f"{place}: name: found nothing, expected a name")
    if not any(cells[name] for name in ADDRESSES):
        problems.append(f"{place}: {', '.join(ADDRESSES)}: found none of them, expected at least one")
    if cells["webhook"] and not cells["webhook"].startswith(("https://", "http://")):
        problems.append(f"{place}: webhook: found {cells['webhook']!r}, expected an address such as https://…")
    if cells["email"] and EMAIL.fullmatch(cells["email"]) is None:
        problems.append(f"{place}: email: found {cells['email']!r}, expected an address such as lan@example.org")
    for name, allowed in WORDS.items():
        if cells[name] and cells[name] not in allowed:
            problems.append(f"{place}: {name}: found {cells[name]!r}, allowed {', '.join(allowed)}")
    return problems


def _named(text: str, known: Collection[str], place: str, problems: list[str]) -> tuple[str, ...]:
    names = tuple(_words(text))
    allowed = ", ".join(sorted(known)) or "none (network.yaml names none)"
    problems += [f"{place}: found {name!r}, allowed {allowed}" for name in names if name not in known]
    if place.endswith("groups") and not names:
        problems.append(f"{place}: found nothing, expected at least one of {allowed}")
    return names


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[;\s]+", text) if word]


def _addresses(contact: NewContact) -> Iterator[str]:
    yield from filter(None, (contact.phone, (contact.email or "").lower(), contact.webhook, contact.apprise))


def _twice(contacts: Iterable[NewContact | None], path: Path) -> list[str]:
    """Nobody may stand twice in a file: one would overwrite the other."""
    seen: set[str] = set()
    problems = []
    for contact in contacts:
        for address in () if contact is None else _addresses(contact):
            if address in seen:
                problems.append(f"{path}: {address} stands twice")
            seen.add(address)
    return problems
