"""Messages from the outbox to real servers: once, in order, retried, and their fate on record."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from alerts import desk
from alerts.alarm.change import Mark, Purpose, Subject
from alerts.alarm.records import raise_alarm
from alerts.channels.email_smtp import SmtpNotifier
from alerts.channels.sms_esms import EsmsNotifier
from alerts.people.contacts import outcomes, queue_test, reached
from alerts.telling.contact import Medium
from alerts.telling.notifier import Notifier, Outgoing
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.relay import Relay
from alerts.telling.sender import GIVE_UP_AFTER, Sender, start_senders
from quantrac.database.pool import Connection
from quantrac.private_services.catchers import MailCatcher, SmsCatcher
from quantrac.telemetry.severity import Severity
from tests.fixtures.timing import eventually, quickest
from tests.integration.alerts.centre import START, STATION, Clock, add_network, rows
from tests.unit.alerts.rules import TEXTS

FARMER, OPERATOR = 1, 2


@pytest.fixture
def alarm(conn: Connection) -> tuple[int, int]:
    """An alarm that has risen: (alarm_id, alarm_event_id)."""
    channel_id = add_network(conn)
    subject = Subject("do-low", STATION, channel_id)
    raised = raise_alarm(conn, subject, Mark("act", Severity.HIGH, 2.8, 3.0), START, TEXTS, START)
    return raised.alarm_id, raised.alarm_event_id


def queue(
    conn: Connection,
    alarm: tuple[int, int],
    contact: int,
    medium: Medium,
    purpose: Purpose = Purpose.RAISED,
    body: str = "oxy 2,8",
) -> None:
    alarm_id, event_id = alarm
    if purpose is not Purpose.RAISED:
        found = conn.execute(
            "insert into alarm_event (alarm_id, time, event, at, state, acknowledged)"
            " values (%s, %s, %s, %s, 'cleared', true) returning alarm_event_id",
            [alarm_id, START, purpose, START],
        ).fetchone()
        assert found is not None
        event_id = found[0]
    with conn.transaction():
        enqueue(conn, [Queued([contact], medium, purpose, "Oxy thấp", body, START, alarm_id, event_id)], START)


def esms(catcher_url: str) -> EsmsNotifier:
    return EsmsNotifier(key="k", secret="s", brandname="QUANTRAC", base_url=catcher_url)


def send_all(conn: Connection, medium: Medium, notifier: Notifier, clock: Clock) -> int:
    sender = Sender("", medium, Relay([notifier]), clock)
    count = 0
    while sender.send_one(conn):
        count += 1
    return count


def test_a_short_message_arrives_and_is_on_record(
    conn: Connection, alarm: tuple[int, int], sms: SmsCatcher, clock: Clock
) -> None:
    queue(conn, alarm, FARMER, Medium.SMS)
    assert send_all(conn, Medium.SMS, esms(sms.url), clock) == 1
    assert [(m.phone, m.text, m.brandname) for m in sms.messages] == [("84912345678", "oxy 2,8", "QUANTRAC")]
    shown = rows(conn, "select contact_masked, medium, status, attempts, sent_at, error from v_notification")
    assert shown == [("+84•••678", "sms", "sent", 1, START, None)]


def test_a_mail_arrives_with_its_key_as_message_id_and_its_alarm_as_thread(
    conn: Connection, alarm: tuple[int, int], mail: MailCatcher, clock: Clock
) -> None:
    queue(conn, alarm, OPERATOR, Medium.EMAIL, body="Sông Mỹ Thanh\n")
    notifier = SmtpNotifier(mail.url, "Quantrac <canhbao@example.org>")
    assert send_all(conn, Medium.EMAIL, notifier, clock) == 1
    (letter,) = mail.messages
    (key,) = rows(conn, "select key from notification")[0]
    assert (letter.to, letter.subject, letter.body) == (["op@example.org"], "Oxy thấp", "Sông Mỹ Thanh\n")
    assert letter.message_id == f"<{key.hex}@example.org>"


def test_a_repeated_hand_over_counts_once_at_the_provider(
    conn: Connection, alarm: tuple[int, int], sms: SmsCatcher, clock: Clock
) -> None:
    queue(conn, alarm, FARMER, Medium.SMS)
    send_all(conn, Medium.SMS, esms(sms.url), clock)
    conn.execute("update notification set status = 'queued', attempts = 0")  # as if it died before the commit
    send_all(conn, Medium.SMS, esms(sms.url), clock)
    assert len(sms.messages) == 1
    assert rows(conn, "select status, error from v_notification") == [("sent", None)]


def test_a_receiver_that_is_down_for_a_while_gets_alarm_and_all_clear_in_order_once(
    conn: Connection, alarm: tuple[int, int], free_port: Callable[[], int], clock: Clock
) -> None:
    port = free_port()
    notifier = esms(f"http://127.0.0.1:{port}")
    queue(conn, alarm, FARMER, Medium.SMS, body="alarm")
    queue(conn, alarm, FARMER, Medium.SMS, Purpose.CLEARED, body="over")
    for _ in range(20):
        send_all(conn, Medium.SMS, notifier, clock)
        clock.now += timedelta(seconds=3)
    attempts, error = rows(conn, "select attempts, error from v_notification order by notification_id")[0]
    assert attempts == 5  # at 0, 2 (3), 4 (9), 8 (18), 16 (36) seconds after one another, in steps of 3
    assert "ConnectError" in error
    with SmsCatcher(port) as back:
        clock.now += timedelta(minutes=5)
        send_all(conn, Medium.SMS, notifier, clock)
        assert [message.text for message in back.messages] == ["alarm", "over"]


def test_an_all_clear_goes_only_to_whom_the_alarm_reached(
    conn: Connection, alarm: tuple[int, int], sms: SmsCatcher, clock: Clock
) -> None:
    conn.execute("update contact set phone_e164 = '+12025550123' where contact_id = %s", [FARMER])
    queue(conn, alarm, FARMER, Medium.SMS)
    queue(conn, alarm, FARMER, Medium.SMS, Purpose.CLEARED)
    send_all(conn, Medium.SMS, esms(sms.url), clock)
    assert sms.messages == []
    assert rows(conn, "select status, error from v_notification order by notification_id") == [
        ("failed", "eSMS: 108 phone number malformed Phone number invalid"),
        ("dead", "the alarm itself did not reach this person"),
    ]


def test_what_needs_a_person_is_not_repeated(
    conn: Connection, alarm: tuple[int, int], sms: SmsCatcher, clock: Clock
) -> None:
    queue(conn, alarm, FARMER, Medium.SMS)
    wrong = EsmsNotifier(key="", secret="", brandname="QUANTRAC", base_url=sms.url)
    assert send_all(conn, Medium.SMS, wrong, clock) == 1
    clock.now += timedelta(hours=1)
    assert send_all(conn, Medium.SMS, wrong, clock) == 0
    (shown,) = rows(conn, "select status, attempts, error from v_notification")
    assert shown == ("failed", 1, "eSMS: 101 wrong ApiKey or SecretKey Authorize Failed")


def test_retries_end(conn: Connection, alarm: tuple[int, int], free_port: Callable[[], int], clock: Clock) -> None:
    queue(conn, alarm, OPERATOR, Medium.EMAIL)
    notifier = SmtpNotifier(f"smtp://127.0.0.1:{free_port()}", "canhbao@example.org")
    clock.now += GIVE_UP_AFTER
    send_all(conn, Medium.EMAIL, notifier, clock)
    assert rows(conn, "select status from v_notification") == [("dead",)]


def test_messages_of_quiet_hours_wait_for_the_morning(
    conn: Connection, alarm: tuple[int, int], sms: SmsCatcher, clock: Clock
) -> None:
    morning = START + timedelta(hours=4)
    with conn.transaction():
        enqueue(conn, [Queued([FARMER], Medium.SMS, Purpose.RAISED, None, "oxy", morning, *alarm)], START)
    assert send_all(conn, Medium.SMS, esms(sms.url), clock) == 0
    clock.now = morning
    assert send_all(conn, Medium.SMS, esms(sms.url), clock) == 1


def test_two_senders_never_take_the_same_message(conn: Connection, database: str, alarm: tuple[int, int]) -> None:
    taken: list[str] = []
    entered, leave = threading.Event(), threading.Event()

    class Slow:
        name = "esms"

        def send(self, message: Outgoing) -> str | None:
            taken.append(message.key)
            entered.set()
            leave.wait(180)
            return None

        def close(self) -> None: ...

    queue(conn, alarm, FARMER, Medium.SMS, body="alarm")
    queue(conn, alarm, FARMER, Medium.SMS, Purpose.CLEARED, body="over")
    stop = threading.Event()
    first = start_senders(database, {Medium.SMS: Relay([Slow()])}, lambda: datetime.now(UTC), stop)
    try:
        assert entered.wait(180)
        assert not Sender("", Medium.SMS, Relay([Slow()]), Clock()).send_one(
            conn
        )  # the first is taken, the second not its turn
        assert len(taken) == 1
        leave.set()
        eventually(lambda: rows(conn, "select count(*) from notification where status = 'sent'") == [(2,)])
    finally:
        leave.set()
        stop.set()
        for thread in first:
            thread.join()
    assert len(set(taken)) == len(taken) == 2


@pytest.mark.timed
def test_a_queued_row_is_handed_over_within_a_second(
    conn: Connection, database: str, alarm: tuple[int, int], sms: SmsCatcher
) -> None:
    stop = threading.Event()
    threads = start_senders(database, {Medium.SMS: Relay([esms(sms.url)])}, lambda: datetime.now(UTC), stop)
    numbers = itertools.count(1)

    def p99_of_100() -> float:
        waits = []
        for number in itertools.islice(numbers, 100):
            row = conn.execute(
                "insert into alarm_event (alarm_id, time, event, at, state, acknowledged)"
                " values (%s, now(), 'level', now(), 'unacknowledged', false) returning alarm_event_id",
                [alarm[0]],
            ).fetchone()
            assert row is not None
            now = datetime.now(UTC)
            with conn.transaction():
                text = Queued([FARMER], Medium.SMS, Purpose.LEVEL, None, f"text {number}", now, alarm[0], row[0])
                enqueue(conn, [text], now)
            eventually(lambda: len(sms.messages) == number)
            waits.append((datetime.fromisoformat(sms.messages[-1].at) - now).total_seconds())
        return sorted(waits)[98]

    try:
        assert quickest(p99_of_100, 1.0) < 1.0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_test_message_goes_through_the_outbox_and_the_log_says_who_was_reached(
    conn: Connection, alarm: tuple[int, int], sms: SmsCatcher, clock: Clock
) -> None:
    queue_test(conn, FARMER, START)
    assert outcomes(conn, FARMER, START) == {"sms": ("queued", None)}
    send_all(conn, Medium.SMS, esms(sms.url), clock)
    assert outcomes(conn, FARMER, START) == {"sms": ("sent", None)}
    assert [m.text for m in sms.messages] == ["Quantrac 08:00 24/11: tin nhan thu, khong phai canh bao."]
    queue(conn, alarm, FARMER, Medium.SMS)
    send_all(conn, Medium.SMS, esms(sms.url), clock)
    desk.acknowledge(conn, alarm[0], "Ông Sáu", "SMS", START)
    found = reached(conn, contact_id=FARMER, alarm_id=None, limit=10)
    assert [(r.name, r.purpose, r.status, r.acknowledged_at) for r in found] == [
        ("Ông Sáu", "raised", "sent", START),
        ("Ông Sáu", "test", "sent", None),
    ]
