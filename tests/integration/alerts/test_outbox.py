"""Messages from the outbox to real servers: once, in order, retried, and their fate on record."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import desk
from alerts.alarm.change import Mark, Purpose, Subject
from alerts.alarm.life import AlarmEvent
from alerts.alarm.records import add_event, clear_alarm, raise_alarm
from alerts.channels.email_smtp import SmtpNotifier
from alerts.channels.sms_esms import EsmsNotifier
from alerts.people.contact_record import reached
from alerts.people.test_message import outcomes, queue_test
from alerts.telling.notifier import Gone, NeedsPerson, NotCarried, Notifier, Outgoing, TryAgain, UndeliverableError
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.relay import Relay
from alerts.telling.sender import GIVE_UP_AFTER, LONGEST_WAIT, start_senders
from alerts.telling.summaries import tell_held
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from quantrac.telemetry.severity import Severity
from tests.fixtures.timing import ended, eventually, quickest
from tests.integration.alerts.centre import ROUTING, START, STATION, Clock, KeepingCarrier, add_network, rows, send_all
from tests.unit.alerts.rules import TEXTS

FARMER, OPERATOR = 1, 2


class Outbox:
    """The outbox of a centre in which an alarm has risen."""

    def __init__(self, conn: Connection, clock: Clock) -> None:
        self.conn, self.clock = conn, clock
        self.subject = Subject("do-low", STATION, add_network(conn))
        raised = raise_alarm(conn, self.subject, Mark("act", Severity.HIGH, 2.8, 3.0), START, TEXTS, START)
        self.alarm_id, self.event_id = raised.alarm_id, raised.alarm_event_id

    def queue(
        self,
        contact: int = FARMER,
        medium: Medium = Medium.SMS,
        purpose: Purpose = Purpose.RAISED,
        body: str = "oxy 2,8",
        at: datetime = START,
        held_until: datetime | None = None,
    ) -> None:
        event_id = self.event_id
        if purpose is not Purpose.RAISED:
            event_id = add_event(self.conn, self.alarm_id, START, AlarmEvent(purpose), START)
        with self.conn.transaction():
            held_for = None if held_until is None else "quiet hours"
            message = Queued(
                [contact], medium, purpose, "Oxy thấp", body, at, self.alarm_id, event_id, held_for, held_until
            )
            enqueue(self.conn, [message], at)

    def end(self) -> None:
        """The alarm is over."""
        clear_alarm(self.conn, self.subject, 4.6, START, START)

    def send(self, carrier: Notifier, medium: Medium = Medium.SMS) -> int:
        return send_all(self.conn, medium, carrier, self.clock)

    def shown(self, columns: str) -> list[tuple[Any, ...]]:
        return rows(self.conn, f"select {columns} from v_notification order by notification_id")


@pytest.fixture
def outbox(conn: Connection, clock: Clock) -> Outbox:
    return Outbox(conn, clock)


def esms(catcher_url: str) -> EsmsNotifier:
    return EsmsNotifier(key="k", secret="s", brandname="QUANTRAC", base_url=catcher_url)


def test_a_short_message_arrives_and_is_on_record(outbox: Outbox, sms: SmsCatcher) -> None:
    outbox.queue()
    assert outbox.send(esms(sms.url)) == 1
    assert [(m.phone, m.text, m.brandname) for m in sms.messages] == [("84912345678", "oxy 2,8", "QUANTRAC")]
    assert outbox.shown("contact_masked, medium, status, attempts, sent_at, error") == [
        ("+84•••678", "sms", "sent", 1, START, None)
    ]


def test_a_mail_arrives_with_its_key_as_message_id(outbox: Outbox, mail: MailCatcher) -> None:
    outbox.queue(OPERATOR, Medium.EMAIL, body="Sông Mỹ Thanh\n")
    assert outbox.send(SmtpNotifier(mail.url, "Quantrac <canhbao@example.org>"), Medium.EMAIL) == 1
    (letter,) = mail.messages
    ((key,),) = rows(outbox.conn, "select key from notification")
    assert (letter.to, letter.subject, letter.body) == (["op@example.org"], "Oxy thấp", "Sông Mỹ Thanh\n")
    assert letter.message_id == f"<{key.hex}@example.org>"


def test_an_alarm_waits_for_no_bulletin_that_was_queued_before_it(outbox: Outbox, clock: Clock) -> None:
    for version in (1, 2, 3):
        outbox.conn.execute(
            "insert into bulletin (kind, period, version, figures, words, made_at, made_by) "
            "values ('water-week', '2026-W48', %s, '{}', '{}', %s, 'jobs')",
            [version, START],
        )
        carried = Queued(
            [FARMER], Medium.SMS, Purpose.BULLETIN, None, f"bulletin {version}", START, bulletin_id=version
        )
        enqueue(outbox.conn, [carried], START)
    clock.now = START + timedelta(minutes=1)
    outbox.queue(body="alarm", at=clock.now)
    carrier = KeepingCarrier()
    assert outbox.send(carrier) == 4
    assert [message.body for message in carrier.kept] == ["alarm", "bulletin 1", "bulletin 2", "bulletin 3"]


def test_a_repeated_hand_over_counts_once_at_the_provider(outbox: Outbox, sms: SmsCatcher) -> None:
    outbox.queue()
    outbox.send(esms(sms.url))
    outbox.conn.execute("update notification set status = 'queued', attempts = 0")  # as if it died before the commit
    outbox.send(esms(sms.url))
    assert len(sms.messages) == 1
    assert outbox.shown("status, error") == [("sent", None)]


def test_a_receiver_that_is_down_for_a_while_gets_alarm_and_all_clear_in_order_once(
    outbox: Outbox, free_port: Callable[[], int]
) -> None:
    port = free_port()
    notifier = esms(f"http://127.0.0.1:{port}")
    outbox.queue(body="alarm")
    outbox.queue(purpose=Purpose.CLEARED, body="over")
    for _ in range(20):
        outbox.send(notifier)
        outbox.clock.now += timedelta(seconds=3)
    attempts, error = outbox.shown("attempts, error")[0]
    assert attempts == 5  # at 0, 2 (3), 4 (9), 8 (18), 16 (36) seconds after one another, in steps of 3
    assert "ConnectError" in error
    with SmsCatcher(port) as back:
        outbox.clock.now += timedelta(minutes=5)
        outbox.send(notifier)
        assert [message.text for message in back.messages] == ["alarm", "over"]


def test_an_all_clear_goes_only_to_whom_the_alarm_reached(outbox: Outbox, sms: SmsCatcher) -> None:
    outbox.conn.execute("update contact set phone_e164 = '+12025550123' where contact_id = %s", [FARMER])
    outbox.queue()
    outbox.queue(purpose=Purpose.CLEARED)
    outbox.send(esms(sms.url))
    assert sms.messages == []
    assert outbox.shown("status, error") == [
        ("failed", "eSMS: 108 phone number malformed Phone number invalid"),
        ("dead", "the alarm itself did not reach this person"),
    ]


class Refusing(KeepingCarrier):
    """A carrier that answers each message with an error while there is one."""

    error: UndeliverableError | None = NeedsPerson("103 balance too low")

    def send(self, message: Outgoing) -> str | None:
        if self.error is not None:
            raise self.error
        return super().send(message)


def test_what_needs_a_person_is_tried_again_while_its_alarm_stands(outbox: Outbox, sms: SmsCatcher) -> None:
    outbox.queue()
    wrong = EsmsNotifier(key="", secret="", brandname="QUANTRAC", base_url=sms.url)
    assert [outbox.send(wrong), outbox.send(wrong)] == [1, 0]
    outbox.clock.now += timedelta(hours=20)
    assert outbox.send(wrong) == 1
    assert outbox.shown("status, attempts, error") == [
        ("failed", 2, "eSMS: 101 wrong ApiKey or SecretKey Authorize Failed")
    ]
    assert rows(outbox.conn, "select failed_at from notification") == [(START,)], "since when"
    outbox.clock.now += LONGEST_WAIT
    assert outbox.send(esms(sms.url)) == 1
    assert rows(outbox.conn, "select failed_at from notification") == [(None,)]
    assert [message.text for message in sms.messages] == ["oxy 2,8"]
    assert outbox.shown("status, error") == [("sent", None)]


@pytest.mark.parametrize(
    "error", [NeedsPerson("103 balance too low"), NeedsPerson("999 unknown code"), NotCarried("no template")]
)
def test_a_refused_message_is_tried_no_more_once_its_alarm_is_over_and_its_end_tells_nobody(
    outbox: Outbox, error: UndeliverableError
) -> None:
    carrier = Refusing()
    carrier.error = error
    outbox.queue()
    outbox.send(carrier)
    outbox.end()
    outbox.queue(purpose=Purpose.CLEARED, body="over")
    carrier.error = None
    outbox.clock.now += LONGEST_WAIT
    outbox.send(carrier)
    assert carrier.kept == []
    assert outbox.shown("status, error") == [
        ("dead", f"the alarm was over before anybody took the message; {error}"),
        ("dead", "the alarm itself did not reach this person"),
    ]


def test_of_messages_about_an_alarm_that_were_refused_the_newest_is_tried_again(outbox: Outbox) -> None:
    carrier = Refusing()
    outbox.queue(body="low")
    outbox.send(carrier)
    outbox.queue(purpose=Purpose.LEVEL, body="very low")
    outbox.send(carrier)
    carrier.error = None
    outbox.clock.now += LONGEST_WAIT
    outbox.send(carrier)
    assert [message.body for message in carrier.kept] == ["very low"]
    assert outbox.shown("status") == [("dead",), ("sent",)]


@pytest.mark.parametrize("way", ["shelved", "out of service"])
@pytest.mark.parametrize("error", [NeedsPerson("103 balance too low"), TryAgain("busy")], ids=["refused", "waits"])
def test_no_message_about_an_alarm_is_tried_while_it_is_withheld(
    outbox: Outbox, way: str, error: UndeliverableError
) -> None:
    carrier = Refusing()
    carrier.error = error
    outbox.queue()
    outbox.send(carrier)
    if way == "shelved":
        desk.shelve(outbox.conn, outbox.alarm_id, "lan", "boat works", START + timedelta(hours=4), START)
    else:
        desk.take_out_of_service(outbox.conn, STATION, None, "lan", "works", START + timedelta(hours=4), START)
    carrier.error = None
    outbox.clock.now += timedelta(hours=1)
    assert outbox.send(carrier) == 0
    outbox.clock.now = START + timedelta(hours=4)
    assert outbox.send(carrier) == 1
    assert outbox.shown("status") == [("sent",)]


def test_a_number_that_does_not_exist_is_not_tried_again(outbox: Outbox) -> None:
    carrier = Refusing()
    carrier.error = Gone("no such number")
    outbox.queue()
    outbox.send(carrier)
    outbox.clock.now += timedelta(hours=1)
    assert outbox.send(carrier) == 0
    assert rows(outbox.conn, "select status, failed_at from notification") == [("failed", START)]


def test_a_refused_all_clear_is_tried_for_six_hours(outbox: Outbox) -> None:
    carrier = Refusing()
    carrier.error = None
    outbox.queue()
    outbox.send(carrier)
    outbox.end()
    carrier.error = NeedsPerson("103 balance too low")
    outbox.queue(purpose=Purpose.CLEARED, body="over")
    outbox.send(carrier)
    outbox.clock.now += GIVE_UP_AFTER - timedelta(minutes=1)
    assert outbox.send(carrier) == 1
    outbox.clock.now += LONGEST_WAIT
    assert [outbox.send(carrier), outbox.send(carrier)] == [1, 0]
    outbox.clock.now += GIVE_UP_AFTER
    assert outbox.send(carrier) == 0
    assert outbox.shown("status") == [("sent",), ("failed",)]


def test_retries_end_six_hours_after_it_was_due_unless_the_alarm_stands(
    outbox: Outbox, free_port: Callable[[], int]
) -> None:
    away = SmtpNotifier(f"smtp://127.0.0.1:{free_port()}", "canhbao@example.org")
    outbox.queue(OPERATOR, Medium.EMAIL)
    outbox.clock.now += GIVE_UP_AFTER
    outbox.send(away, Medium.EMAIL)
    assert outbox.shown("status, attempts") == [("queued", 1)]
    outbox.end()
    outbox.clock.now += LONGEST_WAIT
    outbox.send(away, Medium.EMAIL)
    assert outbox.shown("status, attempts") == [("dead", 2)]


def test_a_message_held_for_the_night_is_given_up_six_hours_after_its_release(outbox: Outbox) -> None:
    """A single 503 at 04:31 lost the messages of the whole night."""
    carrier = Refusing()
    carrier.error = TryAgain("HTTP 503")
    morning = START + timedelta(hours=7)
    outbox.queue(held_until=morning)
    outbox.clock.now = morning
    assert tell_held(outbox.conn, ROUTING.zone, morning) == 1
    outbox.end()
    outbox.send(carrier)
    assert outbox.shown("status") == [("queued",)]
    carrier.error = None
    outbox.clock.now += timedelta(minutes=1)
    outbox.send(carrier)
    assert outbox.shown("status") == [("sent",)]


def test_messages_of_quiet_hours_wait_for_the_morning(outbox: Outbox, sms: SmsCatcher) -> None:
    morning = START + timedelta(hours=4)
    outbox.queue(at=morning)
    assert outbox.send(esms(sms.url)) == 0
    outbox.clock.now = morning
    assert outbox.send(esms(sms.url)) == 1


@contextmanager
def senders(database: str, carrier: Notifier) -> Iterator[None]:
    """The senders of short messages, at work."""
    stop = threading.Event()
    threads = start_senders(database, {Medium.SMS: Relay([carrier])}, lambda: datetime.now(UTC), stop)
    try:
        yield
    finally:
        stop.set()
        ended(*threads)


def test_two_senders_never_take_the_same_message(database: str, outbox: Outbox) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(KeepingCarrier):
        def send(self, message: Outgoing) -> str | None:
            super().send(message)
            entered.set()
            leave.wait(180)
            return None

    outbox.queue(body="alarm")
    outbox.queue(purpose=Purpose.CLEARED, body="over")
    slow = Slow()
    with senders(database, slow):
        try:
            assert entered.wait(180)
            assert outbox.send(slow) == 0  # the first is taken, the second not its turn
            assert len(slow.kept) == 1
            leave.set()
            eventually(lambda: outbox.shown("status") == [("sent",), ("sent",)])
        finally:
            leave.set()
    assert len({message.key for message in slow.kept}) == len(slow.kept) == 2


@pytest.mark.timed
def test_a_queued_row_is_handed_over_within_a_second(database: str, outbox: Outbox, sms: SmsCatcher) -> None:
    numbers = itertools.count(1)

    def p99_of_100() -> float:
        waits = []
        for number in itertools.islice(numbers, 100):
            now = datetime.now(UTC)
            outbox.queue(purpose=Purpose.LEVEL, body=f"text {number}", at=now)
            eventually(lambda: len(sms.messages) == number)
            waits.append((datetime.fromisoformat(sms.messages[-1].at) - now).total_seconds())
        return sorted(waits)[98]

    with senders(database, esms(sms.url)):
        assert quickest(p99_of_100, 1.0) < 1.0


def test_a_test_message_goes_through_the_outbox_and_the_log_says_who_was_reached(
    outbox: Outbox, sms: SmsCatcher
) -> None:
    conn = outbox.conn
    queue_test(conn, FARMER, "lan", START)
    assert outcomes(conn, FARMER, START) == {"sms": ("queued", None)}
    outbox.send(esms(sms.url))
    assert outcomes(conn, FARMER, START) == {"sms": ("sent", None)}
    assert [m.text for m in sms.messages] == ["Quantrac 08:00 24/11: tin nhan thu, khong phai canh bao."]
    outbox.queue()
    outbox.send(esms(sms.url))
    desk.acknowledge(conn, outbox.alarm_id, "Ông Sáu", "SMS", START)
    found = reached(conn, contact_id=FARMER, alarm_id=None, limit=10)
    assert [(r.name, r.purpose, r.status, r.acknowledged_at) for r in found] == [
        ("Ông Sáu", "raised", "sent", START),
        ("Ông Sáu", "test", "sent", None),
    ]
