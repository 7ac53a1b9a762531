"""People who leave, change their number, or say no: with the next hand-over at the latest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import product

import pytest

from alerts.alarm.change import Purpose
from alerts.channels.pdu import Deliver
from alerts.people.contact_cells import KnownNames
from alerts.people.contact_changes import add_contact, change_contact, remove_contact
from alerts.people.contact_record import ContactKept, contact_record
from alerts.people.contacts import ContactsRefused, ImportedContact, UnknownContact, problems_of, save_contacts
from alerts.people.inbox import take
from alerts.people.personal_data import export_contact
from alerts.people.test_message import MOST, NoTestMessage, queue_test
from alerts.telling.notifier import Gone, Outgoing
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.relay import Relay
from alerts.telling.sender import Sender
from alerts.telling.summaries import tell_held
from quantrac.config.contacts import Contact
from quantrac.config.notifications import Medium
from quantrac.database import audit
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import ROUTING, START, STATION, Clock, KeepingCarrier, add_network, rows
from tests.integration.alerts.test_outbox import FARMER, Outbox

HOUR = timedelta(hours=1)
KNOWN = KnownNames({"farmers", "operators"}, {STATION})
OLD, NEW = "+84912345678", "+84987654321"


@pytest.fixture
def outbox(conn: Connection, clock: Clock) -> Outbox:
    return Outbox(conn, clock)


def change(conn: Connection, in_files: Sequence[Contact] = (), reason: str | None = None, **cells: str) -> list[str]:
    return change_contact(conn, FARMER, in_files, cells, KNOWN, "lan", reason, START)


def take_file(conn: Connection, *lines: Contact) -> int:
    """Save the contacts of a file, the first of which stands at its line 2."""
    return save_contacts(conn, {f"a.csv:{line}": contact for line, contact in enumerate(lines, 2)}, START)


def sent(outbox: Outbox, *, consent_required: bool = False) -> list[Outgoing]:
    """Hand over what is due by SMS and return it."""
    carrier = KeepingCarrier()
    relay = Relay([carrier])
    sender = Sender("", Medium.SMS, relay, outbox.clock, consent_required=lambda: consent_required)
    while sender.send_one(outbox.conn):
        pass
    return carrier.kept


def test_a_person_who_is_removed_gets_nothing_more_of_what_waits(outbox: Outbox) -> None:
    outbox.queue(body="queued")
    outbox.queue(purpose=Purpose.LEVEL, body="held", held_until=START + HOUR)
    remove_contact(outbox.conn, FARMER, [], "lan", "moved away", START)
    assert tell_held(outbox.conn, ROUTING.zone, START + HOUR) == 0
    assert sent(outbox) == []
    assert outbox.shown("status, error") == [("dead", "the contact was removed")] * 2
    assert rows(outbox.conn, "select person, action, subject, reason from audit") == [
        ("lan", "remove", "contact 1", "moved away")
    ]
    with pytest.raises(UnknownContact, match="no contact 1"):
        remove_contact(outbox.conn, FARMER, [], "lan", None, START)
    answer = Deliver(OLD, "OK", START)
    assert take(outbox.conn, "modem", answer, START) == "from nobody we know"


def test_a_new_number_gets_what_waits_and_the_old_one_nothing(outbox: Outbox) -> None:
    outbox.queue(body="queued")
    change(outbox.conn, reason="new SIM", phone=NEW)
    outbox.queue(purpose=Purpose.LEVEL, body="later")
    assert [(message.to, message.body) for message in sent(outbox)] == [(NEW, "queued"), (NEW, "later")]
    assert take(outbox.conn, "modem", Deliver(OLD, "STOP", START), START) == "from nobody we know"
    assert rows(outbox.conn, "select stopped_at from contact where contact_id = 1") == [(None,)]
    assert take(outbox.conn, "modem", Deliver(NEW, "ok1", START), START) == "acknowledged 1"


def test_what_a_wrong_number_refused_goes_to_the_right_one_while_the_alarm_stands(outbox: Outbox) -> None:
    class Unknown(KeepingCarrier):
        def send(self, message: Outgoing) -> str | None:
            raise Gone("no such number")

    outbox.queue()
    outbox.send(Unknown())
    change(outbox.conn, phone="+84900000003")
    outbox.clock.now += HOUR
    outbox.send(Unknown())
    assert rows(outbox.conn, "select failed_at from notification") == [(START + HOUR,)], "a refusal of its own"
    change(outbox.conn, phone=NEW)
    assert [message.to for message in sent(outbox)] == [NEW]
    assert outbox.shown("status") == [("sent",)]


@pytest.mark.parametrize(("purpose", "says"), list(product(Purpose, ["refused", None])))
def test_consent_is_checked_at_the_hand_over_of_every_kind_of_message(
    outbox: Outbox, purpose: Purpose, says: str | None
) -> None:
    message = Queued([FARMER], Medium.SMS, purpose, None, "text", START, outbox.alarm_id)
    with outbox.conn.transaction():
        enqueue(outbox.conn, [message], START)
    outbox.conn.execute("update contact set consent = %s", [says])
    assert sent(outbox, consent_required=True) == []
    assert outbox.shown("status, error") == [("dead", f"consent {says or 'not recorded'}")]


def test_where_consent_is_not_required_only_a_refusal_counts(outbox: Outbox) -> None:
    outbox.queue()
    assert len(sent(outbox)) == 1
    queue_test(outbox.conn, FARMER, "lan", START)
    change(outbox.conn, consent="no")
    assert sent(outbox) == []
    with pytest.raises(NoTestMessage, match="contact 1 gets no messages: consent refused"):
        queue_test(outbox.conn, FARMER, "lan", START)


def test_a_file_that_says_nothing_of_consent_takes_no_refusal_back(conn: Connection) -> None:
    refused = ImportedContact(name="Lan", phone=OLD, groups=("farmers",), consent="refused")
    take_file(conn, refused)
    take_file(conn, Contact(name="Chị Lan", phone=OLD, groups=("farmers",)))
    assert rows(conn, "select name, consent from contact") == [("Chị Lan", "refused")]
    given = refused.model_copy(update={"consent": "given", "consent_on": date(2026, 11, 24)})
    take_file(conn, given)
    assert rows(conn, "select name, consent from contact") == [("Lan", "given")]


def man(phone: str, name: str = "Ông Sáu", place: str = "st-my-thanh", email: str | None = None) -> ImportedContact:
    return ImportedContact(name=name, phone=phone, email=email, groups=("farmers",), stations=(place,))


def test_a_file_that_gives_a_person_another_number_and_nothing_else_changes_it(outbox: Outbox) -> None:
    conn = outbox.conn
    outbox.queue()
    conn.execute("update contact set stations = '{st-my-thanh}' where contact_id = 1")
    assert take_file(conn, man("+84900000003", "Bà Tư"), man(NEW, "ông sáu")) == 2
    assert rows(conn, "select contact_id, phone_e164 from contact where name = 'ông sáu'") == [(FARMER, NEW)]
    assert [message.to for message in sent(outbox)] == [NEW]


@pytest.mark.parametrize(
    "file",
    [
        [man(OLD), man(NEW)],
        [man(NEW), man("+84900000003")],
        [man(NEW, place="st-tran-de")],
        [man(NEW, "Ông Bảy")],
    ],
    ids=["he stands there too", "two are new", "another place", "another name"],
)
def test_whoever_may_be_somebody_else_is_added(conn: Connection, file: list[ImportedContact]) -> None:
    take_file(conn, man(OLD))
    take_file(conn, *file)
    assert rows(conn, "select phone_e164 from contact where contact_id = 1") == [(OLD,)]
    assert rows(conn, "select count(*) from contact") == [(len({OLD, *(one.phone for one in file)}),)]


LAN, HUNG = "+84900000003", "+84900000004"
CONFLICTS = [
    ([man(HUNG, "Lan"), man(LAN, "Hùng")], ["a.csv:2: the name is that of contact 1, the address of", "a.csv:3: "]),
    ([man(HUNG, "Lan", email="lan@example.org")], ["a.csv:2: its addresses are those of contacts 1 and 2"]),
    ([man(HUNG, "Lan")], ["a.csv:2: the name is that of contact 1, the address of contact 2"]),
    ([man(NEW, "Lan"), man(LAN, "Tư")], ["a.csv:3: the address is that of contact 1, whose name stands at a.csv:2"]),
    ([man(NEW, "Tư"), man(NEW, "Năm")], ["a.csv:3: has an address that stands at a.csv:2, too"]),
]  # fmt: skip


@pytest.mark.parametrize(("file", "says"), CONFLICTS, ids=["swapped", "two", "another's", "taken over", "twice"])
def test_a_line_that_means_two_people_is_named_and_nothing_of_the_file_is_saved(
    conn: Connection, file: list[ImportedContact], says: list[str]
) -> None:
    take_file(conn, man(LAN, "Lan", email="lan@example.org"), man(HUNG, "Hùng", email="hung@example.org"))
    before = rows(conn, "select * from contact")
    foreseen = problems_of({f"a.csv:{line}": contact for line, contact in enumerate(file, 2)}, conn)
    with pytest.raises(ContactsRefused) as refused:
        take_file(conn, *file)
    assert [problem[: len(said)] for problem, said in zip(refused.value.problems, says, strict=True)] == says
    assert foreseen == refused.value.problems
    assert rows(conn, "select * from contact") == before


IN_FILE = Contact(name="Ca trực", phone=OLD, groups=("farmers",))


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda conn: remove_contact(conn, 1, [IN_FILE], "lan", None, START), "stands in network.yaml"),
        (lambda conn: change(conn, [IN_FILE], phone=NEW), "stands in network.yaml"),
        (change, "found nothing to change"),
        (lambda conn: change(conn, phone="0900000002"), "another contact has"),
    ],
)
def test_what_cannot_be_changed_says_why(outbox: Outbox, act: Callable[[Connection], None], why: str) -> None:
    outbox.conn.execute("update contact set phone_e164 = '+84900000002' where contact_id = 2")
    with pytest.raises(ContactKept, match=why):
        act(outbox.conn)
    assert rows(outbox.conn, "select phone_e164, active from contact where contact_id = 1") == [(OLD, True)]


def test_a_person_is_added_and_changed_with_the_columns_in_the_audit_and_no_address(conn: Connection) -> None:
    cells = {"name": "Bà Tư", "phone": "0987654321", "groups": "farmers", "stations": STATION}
    add_network(conn)
    number = add_contact(conn, cells, KNOWN, "lan", "asked at the commune", START)
    record = contact_record(conn, number)
    assert (record.contact.phone, record.contact.stations, record.active) == (NEW, (STATION,), True)
    with pytest.raises(ContactKept, match="another contact has this address"):
        add_contact(conn, {**cells, "name": "Bà Năm"}, KNOWN, "lan", None, START)
    done = {"quiet": "22:00-05:00", "consent": "2026-11-24", "consent_source": "on paper", "name": "Bà Tư"}
    assert change_contact(conn, number, [], done, KNOWN, "lan", None, START) == ["quiet", "consent", "consent_source"]
    assert rows(
        conn, "select action, reason, detail from audit where subject = %s order by audit_id", f"contact {number}"
    ) == [
        ("add", "asked at the commune", None),
        ("change", None, {"changed": ["quiet", "consent", "consent_source"]}),
    ]


def test_of_two_who_change_a_person_the_later_sees_the_earlier(outbox: Outbox) -> None:
    conn, seen = outbox.conn, contact_record(outbox.conn, FARMER).seen
    change_contact(conn, FARMER, [], {"phone": NEW}, KNOWN, "an", None, START, seen=seen)
    change_contact(conn, FARMER, [], {"language": "en"}, KNOWN, "an", None, START, seen=seen)
    with pytest.raises(ContactKept, match="since you looked an has changed this contact"):
        change_contact(conn, FARMER, [], {"phone": OLD}, KNOWN, "lan", None, START, seen=seen)
    with pytest.raises(ContactKept, match="since you looked"):
        remove_contact(conn, FARMER, [], "lan", None, START, seen=seen)
    later = contact_record(conn, FARMER).seen
    export_contact(conn, FARMER, "an", "asked by letter", START)
    change_contact(conn, FARMER, [], {"phone": OLD}, KNOWN, "lan", None, START, seen=later)  # an export is no change


def test_a_test_message_is_a_row_of_the_audit_and_waits_for_the_one_before(outbox: Outbox) -> None:
    conn = outbox.conn
    queue_test(conn, FARMER, "lan", START)
    with pytest.raises(NoTestMessage, match="still waits"):
        queue_test(conn, FARMER, "an", START)
    assert len(sent(outbox)) == 1
    queue_test(conn, FARMER, "lan", START)
    assert rows(conn, "select person, subject from audit where action = 'test'") == [("lan", "contact 1")] * 2
    conn.execute("update contact set stopped_at = now() where contact_id = 1")
    with pytest.raises(NoTestMessage, match="said STOP, and has no other address"):
        queue_test(conn, FARMER, "lan", START)
    with pytest.raises(NoTestMessage, match="consent not recorded"):
        queue_test(conn, 2, "lan", START, consent_required=True)
    for _ in range(MOST - 2):
        audit.record(conn, START, "lan", "test", "contact 2")
    with pytest.raises(NoTestMessage, match="lan has sent 50 test messages within 24 hours"):
        queue_test(conn, 2, "lan", START)
    queue_test(conn, 2, "lan", START + 25 * HOUR)
