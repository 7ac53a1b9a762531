"""People who leave, change their number, or say no: with the next hand-over at the latest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import product

import pytest

from alerts.alarm.change import Purpose
from alerts.channels.pdu import Deliver
from alerts.people.contact_changes import Consent, ContactKept, change_contact, remove_contact
from alerts.people.contacts import ImportedContact, NoConsent, UnknownContact, queue_test, save_contacts
from alerts.people.inbox import take
from alerts.telling.notifier import Gone, Outgoing
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.relay import Relay
from alerts.telling.sender import Sender
from alerts.telling.summaries import tell_held
from quantrac.config.network import Contact
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection
from tests.integration.alerts.centre import ROUTING, START, Clock, KeepingCarrier, rows
from tests.integration.alerts.test_outbox import FARMER, Outbox

HOUR = timedelta(hours=1)
OLD, NEW = "+84912345678", "+84987654321"


@pytest.fixture
def outbox(conn: Connection, clock: Clock) -> Outbox:
    return Outbox(conn, clock)


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
    change_contact(outbox.conn, FARMER, [], "lan", "new SIM", START, phone=NEW)
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
    change_contact(outbox.conn, FARMER, [], "lan", None, START, phone=NEW)
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
    queue_test(outbox.conn, FARMER, START)
    change_contact(outbox.conn, FARMER, [], "lan", None, START, consent=Consent("refused", None))
    assert sent(outbox) == []
    with pytest.raises(NoConsent, match="contact 1 gets no messages: consent refused"):
        queue_test(outbox.conn, FARMER, START)


def test_a_file_that_says_nothing_of_consent_takes_no_refusal_back(conn: Connection) -> None:
    refused = ImportedContact(name="Lan", phone=OLD, groups=("farmers",), consent="refused")
    save_contacts(conn, [refused], START)
    save_contacts(conn, [Contact(name="Chị Lan", phone=OLD, groups=("farmers",))], START)
    assert rows(conn, "select name, consent from contact") == [("Chị Lan", "refused")]
    given = refused.model_copy(update={"consent": "given", "consent_on": date(2026, 11, 24)})
    save_contacts(conn, [given], START)
    assert rows(conn, "select name, consent from contact") == [("Lan", "given")]


IN_FILE = Contact(name="Ca trực", phone=OLD, groups=("farmers",))


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda conn: remove_contact(conn, 1, [IN_FILE], "lan", None, START), "stands in network.yaml"),
        (lambda conn: change_contact(conn, 1, [IN_FILE], "lan", None, START, phone=NEW), "stands in network.yaml"),
        (lambda conn: change_contact(conn, 1, [], "lan", None, START), "found nothing to change"),
        (lambda conn: change_contact(conn, 1, [], "lan", None, START, phone="+84900000002"), "another contact has"),
    ],
)
def test_what_cannot_be_changed_says_why(outbox: Outbox, act: Callable[[Connection], None], why: str) -> None:
    outbox.conn.execute("update contact set phone_e164 = '+84900000002' where contact_id = 2")
    with pytest.raises(ContactKept, match=why):
        act(outbox.conn)
    assert rows(outbox.conn, "select phone_e164, active from contact where contact_id = 1") == [(OLD, True)]
