"""What a person may ask of the alarms, by function and by command line."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from alerts import desk
from alerts.alarm.change import Mark, Subject
from alerts.alarm.records import clear_alarm, raise_alarm
from alerts.alarm_search import AlarmQuery, alarm_page
from alerts.people.contacts import save_contacts
from quantrac.config.contacts import Contact
from quantrac.database.pool import Connection
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from quantrac.telemetry.severity import Severity
from tests.fixtures.program import quantrac
from tests.integration.alerts.centre import START, STATION, add_network, rows
from tests.unit.alerts.rules import TEXTS

LATER = START + timedelta(minutes=5)


@pytest.fixture
def subject(conn: Connection) -> Subject:
    return Subject("do-low", STATION, add_network(conn))


@pytest.fixture
def alarm(conn: Connection, subject: Subject) -> int:
    return raise_alarm(conn, subject, Mark("act", Severity.HIGH, 2.8, 3.0), START, TEXTS, START).alarm_id


def test_acknowledging_says_who_when_and_why_and_is_audited(conn: Connection, alarm: int) -> None:
    desk.acknowledge(conn, alarm, "lan", "on my way", LATER)
    row = desk.alarm(conn, alarm)
    assert (row.state, row.acknowledged_by, row.acknowledged_at) == ("acknowledged", "lan", LATER)
    assert desk.history(conn, alarm)[-1] == desk.EventRow(LATER, "acknowledged", "lan", "on my way")
    audited = rows(conn, "select person, action, subject, reason from audit")
    assert audited == [("lan", "acknowledged", f"alarm {alarm}", "on my way")]


def test_a_second_person_is_told_who_was_first(conn: Connection, alarm: int) -> None:
    desk.acknowledge(conn, alarm, "lan", None, LATER)
    with pytest.raises(desk.DeskRefused, match="acknowledged by lan at 2026-11-24 01:05:00Z"):
        desk.acknowledge(conn, alarm, "minh", None, LATER)
    assert len(desk.history(conn, alarm)) == 2


def test_an_alarm_that_is_over_may_be_acknowledged_and_stays_over(
    conn: Connection, alarm: int, subject: Subject
) -> None:
    clear_alarm(conn, subject, 4.6, LATER, LATER)
    desk.acknowledge(conn, alarm, "lan", None, LATER)
    assert desk.alarm(conn, alarm).state == "cleared"
    assert alarm_page(conn, AlarmQuery(), 100).rows == []
    assert [row.alarm_id for row in alarm_page(conn, AlarmQuery("all"), 100).rows] == [alarm]


def test_an_unknown_alarm_is_said_to_be_one(conn: Connection) -> None:
    with pytest.raises(desk.DeskRefused, match="no alarm 99"):
        desk.acknowledge(conn, 99, "lan", None, LATER)


LAN = Contact(name="Lan", phone="+84912345678", email="lan@example.org", groups=("operators",))


def test_contacts_are_found_again_by_phone_or_mail(conn: Connection) -> None:
    assert save_contacts(conn, {"lan": LAN}, START) == 1
    assert save_contacts(conn, {"lan": LAN}, START) == 0
    new = {"phone": "+84987654321", "email": "LAN@example.org", "language": "en", "groups": ("operators", "farmers")}
    moved = LAN.model_copy(update=new)
    assert save_contacts(conn, {"lan": moved}, START) == 1
    assert rows(conn, "select phone_e164, language, groups from contact") == [
        ("+84987654321", "en", ["operators", "farmers"])
    ]


class TestCommandLine:
    """The same by `quantrac …`."""

    @pytest.fixture(autouse=True)
    def _database(self, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QUANTRAC_DATABASE_URL", database)

    def test_alarms_are_listed_acknowledged_and_shown(self, alarm: int) -> None:
        (listed,) = json.loads(quantrac("alarms", "list", "--json").stdout)
        assert (listed["alarm_id"], listed["channel"], listed["state"]) == (alarm, "st-my-thanh/do", "unacknowledged")
        done = quantrac("alarms", "ack", alarm, "--person", "lan", "--reason", "aerators on")
        assert (done.returncode, done.stdout) == (0, f"alarm {alarm}: acknowledged by lan\n")
        again = quantrac("alarms", "ack", str(alarm), "--person", "minh")
        assert again.returncode == 1
        assert f"alarm {alarm} was acknowledged by lan" in again.stderr
        shown = quantrac("alarms", "show", str(alarm)).stdout
        assert "acknowledged by lan: aerators on" in shown
        assert "2026-11-24 08:00:00" in shown  # local time

    def test_contacts_are_imported_and_listed_masked(self, conn: Connection, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text("name,phone,email,groups\nÔng Sáu,0912345678,sau@example.org,farmers\n", "utf-8")
        done = quantrac("contacts", "import", str(file), "--person", "lan")
        assert (done.returncode, done.stdout) == (0, "1 contacts read, 1 added or changed\n"), done.stderr
        (listed,) = json.loads(quantrac("contacts", "list", "--json").stdout)
        assert (listed["phone"], listed["email"]) == ("+84•••678", "s•••@example.org")
        file.write_text("name,phone,groups\nX,12,farmer\n", "utf-8")
        refused = quantrac("contacts", "import", str(file), "--person", "lan")
        assert refused.returncode == 2
        assert f"{file}:2: phone: found '12'" in refused.stderr

    def test_a_contact_is_changed_and_removed(self, conn: Connection) -> None:
        save_contacts(conn, {"lan": LAN}, START)
        wrong = quantrac("contacts", "change", "1", "phone=12", "--person", "minh")
        assert wrong.returncode == 2
        assert "found '12'" in wrong.stderr
        done = quantrac("contacts", "change", "1", "phone=0987654321", "consent=2026-11-24", "--person", "minh")
        assert (done.returncode, done.stdout) == (0, "contact 1: changed phone, consent\n"), done.stderr
        assert rows(conn, "select phone_e164, consent from contact") == [("+84987654321", "given")]
        gone = quantrac("contacts", "remove", "1", "--reason", "moved away", "--person", "minh")
        assert (gone.returncode, gone.stdout) == (0, "contact 1: removed\n"), gone.stderr
        assert json.loads(quantrac("contacts", "list", "--json").stdout) == []
        assert rows(conn, "select action, reason from audit where person = 'minh' order by audit_id") == [
            ("change", None),
            ("remove", "moved away"),
        ]

    def test_a_test_message_goes_out_by_every_way(self, conn: Connection) -> None:
        save_contacts(conn, {"lan": LAN}, START)
        with MailCatcher() as mail, SmsCatcher() as sms:
            done = quantrac(
                "contacts", "test", "1",
                smtp_url=mail.url, sms_provider="esms", sms_url=sms.url, sms_key="k", sms_secret="s",
            )  # fmt: skip
            assert sorted(done.stdout.splitlines()) == ["email: handed over", "sms: handed over"], done.stderr
            assert "tin nhan thu" in sms.messages[0].text
            assert mail.messages[0].subject == "Quantrac: tin nhắn thử"
        failed = quantrac("contacts", "test", "1")
        assert failed.returncode == 1
        assert "QUANTRAC_SMTP_URL is not set" in failed.stdout

    def test_rules_are_checked_and_tested(self) -> None:
        assert quantrac("rules", "check").returncode == 0
        tested = quantrac("rules", "test")
        assert tested.returncode == 0
        assert "passed  a 20-minute gap neither counts as alarm time nor as recovery" in tested.stdout
