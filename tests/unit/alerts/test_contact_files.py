"""The CSV file of contacts: every mistake with its line, nothing imported if there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.people.contact_files import AddressRefused, ContactsRefused, phone_e164, read_csv
from alerts.people.contacts import ImportedContact

GROUPS, STATIONS = {"farmers", "operators"}, {"st-my-thanh", "st-tran-de"}


def read(tmp_path: Path, text: str) -> list[ImportedContact]:
    file = tmp_path / "contacts.csv"
    file.write_text(text, "utf-8")
    return read_csv(file, groups=GROUPS, stations=STATIONS)


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
    with pytest.raises(AddressRefused):
        phone_e164(written)


def test_contacts_are_read(tmp_path: Path) -> None:
    text = (
        "\ufeffname,phone,email,language,groups,stations\n"
        "Ông Sáu,0912345678,,,farmers,st-my-thanh; st-tran-de\n"
        "Lan,,lan@example.org,en,farmers operators,\n"
    )
    assert read(tmp_path, text) == [
        ImportedContact(
            name="Ông Sáu", phone="+84912345678", groups=("farmers",), stations=("st-my-thanh", "st-tran-de")
        ),
        ImportedContact(name="Lan", email="lan@example.org", language="en", groups=("farmers", "operators")),
    ]


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


def test_nobody_stands_twice_in_a_file(tmp_path: Path) -> None:
    text = "name,phone,groups\nA,0912345678,farmers\nB,+84912345678,farmers\n"
    with pytest.raises(ContactsRefused, match=r"\+84912345678 stands twice"):
        read(tmp_path, text)


def test_a_header_that_is_wrong_is_refused_before_any_line(tmp_path: Path) -> None:
    with pytest.raises(ContactsRefused) as refused:
        read(tmp_path, "name,phone,group\nA,12,farmers\n")
    assert [problem.split("contacts.csv:")[1] for problem in refused.value.problems] == [
        "1: header: found 'group', allowed name, phone, email, language, groups, stations, webhook, apprise, "
        "tags, parameters, media, severity, quiet, wake, cap, consent, accents",
        "1: header: 'groups' is missing; expected name, phone, email, language, groups, stations, webhook, apprise, "
        "tags, parameters, media, severity, quiet, wake, cap, consent, accents",
    ]
