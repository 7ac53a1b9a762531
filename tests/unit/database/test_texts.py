"""The texts about the database that people and logs see."""

from datetime import UTC, datetime

import pytest

from quantrac.database.audit import Nameless, record
from quantrac.database.migration import migrations, role_script
from quantrac.database.pool import address
from quantrac.database.schema import normalise


def test_migrations_are_numbered_without_gaps_and_say_what_they_are() -> None:
    names = [migration.name for migration in migrations()]
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    assert names[0] == "0001_words"


def test_the_script_for_the_administrator_makes_every_group() -> None:
    for group in (
        "quantrac_owner",
        "quantrac_ingest",
        "quantrac_alerts",
        "quantrac_console",
        "quantrac_reader",
        "quantrac_backup",
    ):
        assert group in role_script()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://an:secret@db.example:6432/quantrac", "db.example:6432/quantrac"),
        ("postgresql://an:secret@a:1,b:2/quantrac?target_session_attrs=read-write", "a:1,b:2/quantrac"),
        ("postgresql://an:secret@a,b:2/quantrac", "a:5432,b:2/quantrac"),
        ("host=a,b port=6432 dbname=quantrac password=secret", "a:6432,b:6432/quantrac"),
        ("postgresql://an:secret@/quantrac", "local socket:5432/quantrac"),
        ("nonsense", "(address not readable)"),
    ],
)
def test_an_address_is_shown_without_user_and_password(url: str, shown: str) -> None:
    assert address(url) == shown


@pytest.mark.parametrize("person", ["", " ", "\t\n", "contact 12"])
def test_an_act_of_nobody_is_refused(person: str) -> None:
    with pytest.raises(Nameless, match="expected who does it"):
        record(None, datetime.now(UTC), person, "apply", "network")  # type: ignore[arg-type]


def test_a_dump_is_the_same_whatever_made_it() -> None:
    body = "CREATE TABLE a (b integer);"
    first = f"--\n-- Dumped by 17.1\n--\n\\restrict abc\n\nSET x = 1;\n\n\n\n{body}\n\n\\unrestrict abc\n"
    second = f"-- Dumped by 17.9\n\n{body}\n"
    assert normalise(first) == normalise(second) == f"{body}\n"
