"""The modem driver against a simulated modem and a real database: each fault, and what becomes of a message.

FAULTS is the table of faults in docs/alarms.md: what goes wrong, the status in the end, what reached the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.alarm.change import Mark, Purpose, Subject
from alerts.alarm.records import raise_alarm
from alerts.channels.sms_modem import ModemNotifier
from alerts.people.inbox import SmsInbox
from alerts.telling.contact import Medium
from alerts.telling.notifier import UndeliverableError
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.part_journal import PartJournal
from alerts.telling.relay import Relay
from alerts.telling.sender import Sender
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from simulators.gsm.modem import Faults, GsmModem
from tests.fixtures.timing import eventually
from tests.integration.alerts.centre import STATION, add_network, rows
from tests.unit.alerts.rules import TEXTS

FARMER = 1
FARMER_PHONE = "+84912345678"


class Clock:
    """The wall clock, which a test may put forward."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def modem(tmp_path: Path) -> Iterator[GsmModem]:
    modem = GsmModem(tmp_path / "modem", time.time)
    yield modem
    modem.close()


@pytest.fixture
def alarm(conn: Connection, clock: Clock) -> tuple[int, int]:
    subject = Subject("do-low", STATION, add_network(conn))
    now = clock()
    raised = raise_alarm(conn, subject, Mark("act", Severity.HIGH, 2.8, 3.0), now, TEXTS, now)
    return raised.alarm_id, raised.alarm_event_id


@pytest.fixture
def make(database: str, modem: GsmModem, clock: Clock) -> Iterator[Callable[..., ModemNotifier]]:
    """A maker of drivers; patience in seconds, where a modem is to be waited for in vain."""
    made: list[ModemNotifier] = []

    def new(submit_s: float = 180.0, command_s: float = 180.0) -> ModemNotifier:
        for old in made:
            old.close()
        journal, inbox = PartJournal(database, "modem", clock), SmsInbox(database, "modem", clock)
        made.append(ModemNotifier(str(modem.link), journal, inbox, submit_s=submit_s, command_s=command_s))
        return made[-1]

    yield new
    for one in made:
        one.close()


def queue(conn: Connection, alarm: tuple[int, int], clock: Clock, body: str = "oxy 2,8") -> None:
    now = clock()
    with conn.transaction():
        enqueue(conn, [Queued([FARMER], Medium.SMS, Purpose.RAISED, None, body, now, *alarm)], now)


def attempts(conn: Connection, notifier: ModemNotifier, clock: Clock, times: int) -> None:
    """Let a sender look `times` times, 70 s apart: longer than the first waits between attempts."""
    sender = Sender("", Medium.SMS, Relay([notifier]), clock)
    for _ in range(times):
        sender.send_one(conn)
        clock.ahead += timedelta(seconds=70)


def attempts_until_settled(conn: Connection, notifier: ModemNotifier, clock: Clock) -> None:
    def is_settled() -> bool:
        attempts(conn, notifier, clock, 1)
        return status(conn) != "queued"

    eventually(is_settled)


def attend_until(notifier: ModemNotifier, condition: Callable[[], bool]) -> None:
    def holds() -> bool:
        with suppress(UndeliverableError):  # a modem that was pulled out comes back
            notifier.attend()
        return condition()

    eventually(holds)


def status(conn: Connection) -> str:
    return str(rows(conn, "select status from v_notification")[0][0])


def test_a_message_goes_out_and_its_report_says_that_it_arrived(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    notifier = make()
    queue(conn, alarm, clock)
    attempts(conn, notifier, clock, 1)
    assert [(one.to, one.text, one.alphabet) for one in modem.log] == [
        (FARMER_PHONE, f"oxy 2,8 Tra loi: OK {alarm[0]}", "GSM-7")
    ]
    clock.ahead = timedelta(0)
    attend_until(notifier, lambda: status(conn) == "delivered")
    ((carrier, error),) = rows(conn, "select carrier, error from v_notification")
    assert (carrier, error) == ("modem", None)


def test_a_message_of_several_parts_arrives_when_all_have(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    notifier = make()
    text = "Oxy thấp ở sông Mỹ Thanh, hãy bật quạt nước ngay. " * 3
    queue(conn, alarm, clock, text)
    attempts(conn, notifier, clock, 1)
    assert "".join(one.text for one in modem.log) == f"{text} Tra loi: OK {alarm[0]}"
    assert [one.group[1:] for one in modem.log if one.group] == [(3, 1), (3, 2), (3, 3)]
    clock.ahead = timedelta(0)
    attend_until(notifier, lambda: status(conn) == "delivered")


def test_a_refused_part_is_repeated_alone(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    notifier = make()
    queue(conn, alarm, clock, "a" * 300)
    sender = Sender("", Medium.SMS, Relay([notifier]), clock)
    original = notifier._journal.sent

    def after_the_first(key: str, part: int, reference: int | None) -> None:
        original(key, part, reference)
        if part == 1 and len(modem.log) == 1:
            modem.faults.refuse = 1

    notifier._journal.sent = after_the_first  # type: ignore[method-assign]
    sender.send_one(conn)
    assert status(conn) == "queued"
    clock.ahead += timedelta(seconds=5)
    sender.send_one(conn)
    assert [one.group[2] for one in modem.log if one.group] == [1, 2]
    assert status(conn) == "sent"


FAULTS: dict[str, tuple[Faults, str, int]] = {
    "+CMS ERROR 38 once": (Faults(refuse=1, refuse_code=38), "delivered", 1),
    "+CMS ERROR 500 three times": (Faults(refuse=3, refuse_code=500), "delivered", 1),
    "+CMS ERROR 30 (unknown subscriber)": (Faults(refuse=1, refuse_code=30), "failed", 0),
    "+CMS ERROR 332 (network timeout)": (Faults(refuse=1, refuse_code=332), "unknown", 0),
    "no prompt twice": (Faults(no_prompt=2), "delivered", 1),
    "answer lost": (Faults(lose_answer=1, report=None), "unknown", 1),
    "answer lost, the report comes": (Faults(lose_answer=1), "delivered", 1),
    "answer always lost": (Faults(lose_answer=99, report=None), "unknown", 1),
    "answer late, within patience": (Faults(late_answer_s=0.6), "delivered", 1),
    "answer late, beyond patience": (Faults(late_answer_s=2.0, report=None), "unknown", 1),
    "reboot in mid-send": (Faults(restart_in_submit=1), "unknown", 1),
    "pulled out in mid-send": (Faults(pull_in_submit=1), "unknown", 1),
    "given up by the network": (Faults(report=70), "failed", 1),
    "report pending, then nothing": (Faults(report=32), "sent", 1),
    "no reports at all": (Faults(report=None), "sent", 1),
}

WAITED_FOR_IN_VAIN = {
    "no prompt twice": {"command_s": 0.8},
    "answer lost": {"submit_s": 0.4},
    "answer lost, the report comes": {"submit_s": 0.4},
    "answer always lost": {"submit_s": 0.4},
    "answer late, beyond patience": {"submit_s": 0.4},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_doubles_a_message_and_none_loses_it_in_silence(
    conn: Connection,
    modem: GsmModem,
    alarm: tuple[int, int],
    make: Callable[..., ModemNotifier],
    clock: Clock,
    fault: str,
) -> None:
    faults, expected, aired = FAULTS[fault]
    modem.faults = faults
    notifier = make(**WAITED_FOR_IN_VAIN.get(fault, {}))
    queue(conn, alarm, clock)
    attempts_until_settled(conn, notifier, clock)
    attempts(conn, notifier, clock, 3)
    eventually(lambda: modem.is_idle)  # what comes late has come
    clock.ahead = timedelta(0)
    attend_until(notifier, lambda: status(conn) == expected)
    attend_until(notifier, lambda: True)
    assert (status(conn), len(modem.log)) == (expected, aired)
    error = rows(conn, "select error from v_notification")[0][0]
    assert (error is None) == (expected in ("delivered", "sent"))


def test_a_modem_without_network_is_not_asked_to_send(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    modem.faults = Faults(signal=99)
    queue(conn, alarm, clock)
    attempts(conn, make(), clock, 1)
    assert rows(conn, "select status, error from v_notification") == [
        ("queued", "modem: no network (registration 0,1, signal 99)")
    ]
    assert rows(conn, "select count(*) from sms_part") == [(0,)]


def test_a_pin_is_never_tried(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    modem.faults = Faults(pin=True)
    queue(conn, alarm, clock)
    attempts(conn, make(), clock, 1)
    ((state, error),) = rows(conn, "select status, error from v_notification")
    assert state == "failed"
    assert "SIM PIN" in error


@pytest.mark.parametrize("trouble", ["silent", "away"])
def test_a_modem_that_is_away_for_a_while_sends_once(
    conn: Connection,
    modem: GsmModem,
    alarm: tuple[int, int],
    make: Callable[..., ModemNotifier],
    clock: Clock,
    trouble: str,
) -> None:
    notifier = make(command_s=0.8)
    queue(conn, alarm, clock)
    if trouble == "silent":
        modem.be_silent(3600)
    else:
        modem.pull_out()
    attempts(conn, notifier, clock, 1)
    assert status(conn) == "queued"
    if trouble == "away":
        modem.plug_in()
    else:
        modem.be_silent(0)
    attempts_until_settled(conn, notifier, clock)
    assert (status(conn), len(modem.log)) in (("sent", 1), ("delivered", 1))


def test_a_process_killed_before_the_answer_leaves_unknown_and_sends_nothing_again(
    conn: Connection,
    modem: GsmModem,
    alarm: tuple[int, int],
    make: Callable[..., ModemNotifier],
    clock: Clock,
    database: str,
) -> None:
    queue(conn, alarm, clock)
    ((key,),) = rows(conn, "select key from notification")
    journal = PartJournal(database, "modem", clock)
    journal.begun(key.hex, 1, 1, FARMER_PHONE)
    journal.close()  # and died
    attempts(conn, make(), clock, 3)
    assert (status(conn), modem.log) == ("unknown", [])


def test_a_process_killed_before_its_commit_sends_nothing_again(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    queue(conn, alarm, clock)
    attempts(conn, make(), clock, 1)
    conn.execute("update notification set status = 'queued', attempts = 0")  # as if it had died then
    attempts(conn, make(), clock, 1)
    assert status(conn) == "sent"
    assert len(modem.log) == 1


def test_a_restarted_modem_is_told_again_to_pass_reports_on(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    notifier = make()
    notifier.attend()
    modem.restart()
    eventually(lambda: modem.is_idle)
    queue(conn, alarm, clock)
    attempts_until_settled(conn, notifier, clock)
    clock.ahead = timedelta(0)
    attend_until(notifier, lambda: status(conn) == "delivered")
    assert len(modem.log) == 1


def test_an_answer_acknowledges_the_alarm_and_leaves_the_modem(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    notifier = make()
    queue(conn, alarm, clock)
    attempts(conn, notifier, clock, 1)
    modem.receive(FARMER_PHONE, f"ok {alarm[0]} đã bật quạt")
    attend_until(notifier, lambda: modem.stored == 0)
    assert rows(conn, "select state, acknowledged_by from v_alarm") == [("acknowledged", "Ông Sáu")]
    assert rows(conn, "select reason from v_alarm_event where event = 'acknowledged'") == [("da bat quat",)]


def test_a_stranger_acknowledges_nothing_and_stop_is_honoured(
    conn: Connection, modem: GsmModem, alarm: tuple[int, int], make: Callable[..., ModemNotifier], clock: Clock
) -> None:
    notifier = make()
    queue(conn, alarm, clock)
    attempts(conn, notifier, clock, 1)
    modem.receive("+84900000009", f"OK {alarm[0]}")
    modem.receive(FARMER_PHONE, "Stop")
    attend_until(notifier, lambda: modem.stored == 0)
    assert rows(conn, "select meaning from sms_inbound order by inbound_id") == [("from nobody we know",), ("stop",)]
    assert rows(conn, "select state from v_alarm") == [("unacknowledged",)]
    conn.execute("delete from notification")
    queue(conn, alarm, clock)
    clock.ahead += timedelta(seconds=1)
    attempts(conn, notifier, clock, 1)
    assert len(modem.log) == 1
    assert status(conn) == "failed"


def test_a_message_that_comes_while_the_database_is_away_stays_in_the_modem(
    conn: Connection, modem: GsmModem, make: Callable[..., ModemNotifier], clock: Clock, database: str
) -> None:
    notifier = make()
    notifier.attend()
    notifier._inbox = SmsInbox("postgresql://nobody@127.0.0.1:1/none", "modem", clock)
    modem.receive(FARMER_PHONE, "OK")
    attend_until(notifier, lambda: notifier._dialogue is not None and notifier._dialogue.has_mail)
    assert modem.stored == 1
    notifier._inbox = SmsInbox(database, "modem", clock)
    attend_until(notifier, lambda: modem.stored == 0)
    assert rows(conn, "select count(*) from sms_inbound") == [(1,)]
