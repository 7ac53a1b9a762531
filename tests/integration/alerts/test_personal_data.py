"""One person's data, with the console's rights: given as a whole, erased for good; what stays names nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from alerts import desk
from alerts.alarm.change import Purpose
from alerts.channels.pdu import Deliver
from alerts.people.contact_record import ContactKept, contact_record, told
from alerts.people.contact_search import ContactQuery, contact_page, group_sizes, members, state_sizes
from alerts.people.contacts import UnknownContact
from alerts.people.inbox import take
from alerts.people.personal_data import erase_contact, erase_number, export_contact
from alerts.telling.notifier import NeedsPerson, Outgoing
from quantrac.database import audit
from quantrac.database.pool import Connection, connect
from quantrac.desks import shift
from quantrac.desks.audit_rows import AuditQuery, audit_rows
from quantrac.desks.shift_content import ItemKind
from tests.integration.alerts.centre import START, Clock, KeepingCarrier, rows
from tests.integration.alerts.test_outbox import FARMER, OPERATOR, Outbox

NAME, NUMBER = "Ông Sáu", "+84912345678"
MINUTE = timedelta(minutes=1)
NOT_ARRIVED = """
insert into notification (contact_id, medium, purpose, status, body, queued_at)
values (1, 'sms', 'test', 'failed', '', now())
"""
TABLES = "contact", "notification", "sms_part", "sms_inbound", "alarm", "alarm_event", "audit", "shift", "shift_note"


class Talkative(KeepingCarrier):
    """A carrier whose refusals repeat the number."""

    def send(self, message: Outgoing) -> str | None:
        raise NeedsPerson(f"no balance for {message.to}")


@pytest.fixture
def outbox(conn: Connection, clock: Clock) -> Outbox:
    """An alarm of which the farmer was told by SMS, which he acknowledged by SMS; two more messages wait for him."""
    made = Outbox(conn, clock)
    made.queue(body="oxy 2,8")
    made.send(KeepingCarrier())
    made.queue(OPERATOR, purpose=Purpose.REPEATED, body="call")
    take(conn, "modem", Deliver(NUMBER, "OK 1 da cho quat", START), START + MINUTE)
    take(conn, "modem", Deliver(NUMBER, "cam on", START + MINUTE), START + 2 * MINUTE)
    conn.execute(
        "insert into sms_part (key, part, parts, carrier, to_number, begun_at) select key, 1, 1, 'modem', %s, %s"
        " from notification where contact_id = 1",
        [NUMBER, START],
    )
    made.queue(purpose=Purpose.LEVEL, body="worse")
    made.send(Talkative())
    return made


@pytest.fixture
def console(database: str) -> Iterator[Connection]:
    with connect(database, "test") as connection:
        connection.execute("set role quantrac_console")
        yield connection


def everything(conn: Connection) -> str:
    """Return all that the tables of people and alarms hold."""
    return json.dumps([rows(conn, f"select to_jsonb(t) from {table} t") for table in TABLES], ensure_ascii=False)


def test_what_is_kept_of_a_person_is_given_as_a_whole(outbox: Outbox, console: Connection) -> None:
    found: dict[str, Any] = export_contact(console, FARMER, "lan", "asked by letter", START)
    assert (found["name"], found["phone"], found["consent"]) == (NAME, NUMBER, "")
    assert [(one["text"], one["status"]) for one in found["messages"]] == [("worse", "failed"), ("oxy 2,8", "sent")]
    assert [(one["text"], one["meaning"]) for one in found["answers"]] == [
        ("cam on", "not understood"), ("OK 1 da cho quat", "acknowledged 1"),
    ]  # fmt: skip
    assert [(one["act"], one["object"], one["way"]) for one in found["acts"]] == [("acknowledged", "alarm 1", "sms")]
    assert rows(outbox.conn, "select person, subject, reason from audit where action = 'export'") == [
        ("lan", "contact 1", "asked by letter")
    ]
    lines = told(console, FARMER, limit=2)
    assert [line.at for line in lines] == [START + 2 * MINUTE, START + MINUTE]
    rest = told(console, FARMER, before=lines[-1].at, limit=1)
    assert [(line.body, line.parts) for line in rest] == [("worse", 1), ("oxy 2,8", 1)], (
        "both were queued at one moment"
    )


def test_what_is_erased_is_in_no_table_and_the_record_keeps_a_number(outbox: Outbox, console: Connection) -> None:
    conn = outbox.conn
    assert rows(conn, "select error from notification where contact_id = 2") == [("acknowledged",)], "it names nobody"
    conn.execute("update contact set phone_e164 = '+84900000002' where contact_id = 2")
    conn.execute(NOT_ARRIVED.replace("values (1, 'sms', 'test', 'failed'", "values (2, 'sms', 'test', 'sent'"))
    conn.execute("update notification set alarm_id = 1 where contact_id = 2")
    assert take(conn, "modem", Deliver("+84900000002", "OK 1", START), START) == "acknowledged before: 1"
    number = shift.hand_over(console, shift.open_shift(console).shift_id, "lan", "", START, alone=True).shift_id

    def acknowledged() -> set[str | None]:
        """Return who acknowledged the alarm as pages say it: a signed shift, the alarm, its history, the audit."""
        _, page = shift.signed_page(console, number)
        return {
            *(item.facts["by"] for item in page.of(ItemKind.STANDING)),
            desk.alarm(console, 1).acknowledged_by,
            *(event.person for event in desk.history(console, 1) if event.event == "acknowledged"),
            *(row.person for row in audit_rows(console, AuditQuery(act="acknowledged"), limit=9)),
        }

    assert acknowledged() == {NAME}
    erase_contact(console, FARMER, [], "lan", "asked by letter", START)
    kept = everything(conn)
    assert not [word for word in (NAME, NUMBER, NUMBER[1:], "cam on") if word in kept]
    assert acknowledged() == {"contact 1"}
    assert rows(conn, "select person, account, action from audit order by audit_id") == [
        ("contact 1", "contact 1", "acknowledged"), ("lan", None, "hand over"), ("lan", None, "erase"),
    ]  # fmt: skip
    assert rows(conn, "select body, status, provider_ref from notification where contact_id = 1 order by 1") == [
        ("oxy 2,8", "sent", None), ("worse", "dead", None),
    ]  # fmt: skip
    assert contact_record(console, FARMER).contact.name == ""
    for act in (
        lambda: erase_contact(console, FARMER, [], "lan", "again", START),
        lambda: export_contact(console, FARMER, "lan", None, START),
    ):
        with pytest.raises(UnknownContact):
            act()
    assert take(conn, "modem", Deliver(NUMBER, "OK", START), START) == "from nobody we know"
    assert (NUMBER in everything(conn), erase_number(console, "0912 345 678", "lan", "asked", START)) == (True, 1)
    assert NUMBER not in everything(conn)
    conn.execute("update contact set phone_e164 = %s where contact_id = 2", [NUMBER])
    with pytest.raises(ContactKept, match="contact 2 has this number"):
        erase_number(console, NUMBER, "lan", "asked", START)


def test_another_person_of_the_same_name_and_former_rows_of_the_same_number(
    outbox: Outbox, console: Connection
) -> None:
    conn = outbox.conn
    conn.execute("insert into contact (name, phone_e164, active) values (%s, %s, false)", [NAME, NUMBER])
    conn.execute("insert into contact (name, email) values (%s, 'sau@example.org')", [NAME])
    with audit.coming(audit.Origin("link", account=audit.contact_account(4))):
        desk.comment(conn, 1, audit.contact_account(4), "seen", START)
    erase_contact(console, FARMER, [], "lan", "asked", START)
    assert rows(conn, "select contact_id, name, erased_at is not null from contact order by 1") == [
        (1, "", True), (2, "Operator", False), (3, "", True), (4, NAME, False),
    ]  # fmt: skip
    assert rows(conn, "select person from v_alarm_event where event = 'comment'") == [(NAME,)]
    assert rows(conn, "select subject from audit where action = 'erase' order by 1") == [("contact 1",), ("contact 3",)]


def test_people_are_found_by_words_group_station_and_state(conn: Connection, console: Connection) -> None:
    conn.execute(
        """
        insert into contact (name, phone_e164, email, groups, stations, consent, stopped_at, active) values
        ('Nguyễn Thị Đào', '+84912345678', null, '{farmers}', '{st-a}', 'given', null, true),
        ('Trần Văn Tám', '+84987654321', 'tam@example.org', '{farmers,shift-a}', '{}', null, now(), true),
        ('Lê Hoa', null, 'hoa@example.org', '{operators}', '{st-b}', 'refused', null, true),
        ('Đã đi', '+84900000009', null, '{farmers}', '{}', null, null, false)
        """
    )
    conn.execute(NOT_ARRIVED)

    def names(**asked: str) -> list[str]:
        found = contact_page(console, ContactQuery(**asked), 10)
        assert found.total == len(found.rows)
        return [row.name.split()[-1] for row in found.rows]

    assert names() == ["Hoa", "Đào", "Tám"], "by name, without regard to diacritics"
    assert names(text="dao nguyen") == names(text="ĐÀO") == names(text="0912 345") == ["Đào"]
    assert names(text="tam@") == names(text="+84987654321") == names(text="0987.654.321") == ["Tám"]
    assert names(text="%") == names(text="x'y") == names(text="9") == []
    assert names(group="farmers") == ["Đào", "Tám"]
    assert names(station="st-a") == ["Đào", "Tám"]
    assert {state: names(state=state) for state in ("consent", "refused", "stopped", "failed", "removed")} == {
        "consent": ["Tám"], "refused": ["Hoa"], "stopped": ["Tám"], "failed": ["Đào"], "removed": ["đi"],
    }  # fmt: skip
    assert state_sizes(console) == {"told": 2, "consent": 1, "refused": 1, "stopped": 1, "failed": 1, "removed": 1}
    assert group_sizes(console) == {"farmers": (2, 0), "operators": (1, 1), "shift-a": (1, 0)}
    assert members(console, ["shift-a", "operators"], 5) == [(3, "Lê Hoa"), (2, "Trần Văn Tám")]
    second = contact_page(console, ContactQuery(), 1, 1)
    assert ([row.name for row in second.rows], second.total) == (["Nguyễn Thị Đào"], 3)
