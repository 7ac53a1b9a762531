"""The CSV file of contacts: every mistake with its line, nothing imported if there is one."""

from __future__ import annotations

from os import mkfifo
from pathlib import Path

import pytest

from alerts.people.contact_cells import (
    CellRefused,
    ContactRefused,
    KnownNames,
    cells_of,
    contact_of,
    phone_e164,
    read_csv,
)
from alerts.people.contacts import ContactsRefused, ImportedContact

KNOWN = KnownNames({"farmers", "operators"}, {"st-my-thanh", "st-tran-de"})


def read(tmp_path: Path, text: str) -> dict[str, ImportedContact]:
    file = tmp_path / "contacts.csv"
    file.write_text(text, "utf-8")
    return read_csv(file, KNOWN)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0912345678", "+84912345678"),
        ("0912 345 678", "+84912345678"),
        ("84 912345678", "+84912345678"),
        ("+84 91 234 56 78", "+84912345678"),
        ("+44 20 7946 0958", "+442079460958"),
    ],
)
def test_phone_numbers_are_normalised(written: str, expected: str) -> None:
    assert phone_e164(written) == expected


@pytest.mark.parametrize("written", ["", "abc", "0912", "01234567890", "+84 12"])
def test_what_is_no_number_is_refused(written: str) -> None:
    with pytest.raises(CellRefused):
        phone_e164(written)


def test_contacts_are_read(tmp_path: Path) -> None:
    text = (
        "\ufeffname,phone,email,language,groups,stations\n"
        "Ông Sáu,0912345678,,,farmers,st-my-thanh; st-tran-de\n"
        "Lan,,lan@example.org,en,farmers operators,\n"
    )
    assert read(tmp_path, text) == {
        f"{tmp_path}/contacts.csv:2": ImportedContact(
            name="Ông Sáu", phone="+84912345678", groups=("farmers",), stations=("st-my-thanh", "st-tran-de")
        ),
        f"{tmp_path}/contacts.csv:3": ImportedContact(
            name="Lan", email="lan@example.org", language="en", groups=("farmers", "operators")
        ),
    }


def test_every_mistake_is_listed_with_its_line(tmp_path: Path) -> None:
    text = (
        "name,phone,email,language,groups,stations\n"
        ",0912345678,,,farmers,\n"
        "A,12,,,farmers,\n"
        "B,,,,farmers,\n"
        "C,,not-an-address,,farmers,\n"
        "D,0987654321,,fr,farmer,st-x\n"
        "E,0987654321,,,,\n"
    )
    with pytest.raises(ContactsRefused) as refused:
        read(tmp_path, text)
    found = [problem.split("contacts.csv:")[1] for problem in refused.value.problems]
    assert found == [
        "2: name: found nothing, expected a name",
        "3: phone: found '12', which is no number in use; expected e.g. 0912345678 or +84912345678",
        "4: phone, email, webhook, apprise: found none of them, expected at least one",
        "5: email: found 'not-an-address', expected an address such as lan@example.org",
        "6: language: found 'fr', allowed vi, en",
        "6: groups: found 'farmer', allowed farmers, operators",
        "6: stations: found 'st-x', allowed st-my-thanh, st-tran-de",
        "7: groups: found nothing, expected at least one of farmers, operators",
    ]
    assert refused.value.exit_code == 2


def test_a_header_that_is_wrong_is_refused_before_any_line(tmp_path: Path) -> None:
    with pytest.raises(ContactsRefused) as refused:
        read(tmp_path, "name,phone,group\nA,12,farmers\n")
    assert [problem.split("contacts.csv:")[1] for problem in refused.value.problems] == [
        "1: header: found 'group', allowed name, phone, email, language, groups, stations, webhook, apprise, "
        "tags, parameters, media, severity, quiet, wake, cap, consent, consent_source, accents",
        "1: header: 'groups' is missing; expected name, phone, email, language, groups, stations, webhook, apprise, "
        "tags, parameters, media, severity, quiet, wake, cap, consent, consent_source, accents",
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name,groups\nA,\xff\xfe\n", r":2: found bytes that are not UTF-8"),
        (b"name,groups\nA," + b"x" * 200_000 + b"\n", r":2: found field larger than field limit"),
        (b'name,groups\n"A\n' + b"x" * 200_000, r":\d: found field larger than field limit"),
        (b"n" * 200_000, r":\d: found field larger than field limit"),
        (b"n" * 20_000_001, r":1: found 20,000,001 bytes, allowed 20,000,000"),
    ],
)
def test_a_mad_file_is_refused_by_name_and_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "contacts.csv"
    file.write_bytes(content)
    with pytest.raises(ContactsRefused, match=r"contacts\.csv" + says):
        read_csv(file, KNOWN)


def test_a_pipe_is_no_contacts_file(tmp_path: Path) -> None:
    mkfifo(tmp_path / "contacts.csv")
    with pytest.raises(ContactsRefused, match=r"contacts\.csv:1: found a named pipe"):
        read_csv(tmp_path / "contacts.csv", KNOWN)


FULL = {
    "name": "Bà Tư", "phone": "+84912345678", "email": "tu@example.org", "language": "vi", "groups": "farmers",
    "stations": "st-my-thanh st-tran-de", "webhook": "https://example.org/x", "apprise": "tgram://a/b",
    "tags": "shrimp", "parameters": "do salinity", "media": "sms email", "severity": "high", "quiet": "21:00-04:30",
    "wake": "critical", "cap": "5", "consent": "2026-11-24", "consent_source": "giấy, tại xã", "accents": "yes",
}  # fmt: skip


@pytest.mark.parametrize("change", [{}, {"consent": "no"}, {"consent": "", "quiet": "", "stations": "", "cap": ""}])
def test_a_contact_is_the_cells_that_say_it(change: dict[str, str]) -> None:
    cells = {**FULL, **change}
    assert cells_of(contact_of(cells, KNOWN)) == cells


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"name": "x" * 201}, "name"), ({"cap": "0"}, "cap"), ({"cap": "99999"}, "cap"), ({"cap": "²"}, "cap"),
        ({"quiet": "21:00-"}, "quiet"), ({"quiet": "25:00-04:00"}, "quiet"), ({"consent": "?"}, "consent"),
        ({"webhook": "javascript:x"}, "webhook"), ({"apprise": "no address"}, "apprise"), ({"media": "fax"}, "media"),
        ({"parameters": "wisdom"}, "parameters"), ({"wake": "now"}, "wake"), ({"email": "a@b c"}, "email"),
    ],
)  # fmt: skip
def test_a_cell_that_is_wrong_is_named(change: dict[str, str], column: str) -> None:
    with pytest.raises(ContactRefused) as refused:
        contact_of({**FULL, **change}, KNOWN)
    assert [found for found, _ in refused.value.problems] == [column]
