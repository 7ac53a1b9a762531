"""The modem driver against a simulated modem and a real database: each fault, and what becomes of a message.

FAULTS is the table of faults in docs/alarms.md: what goes wrong, the status in the end, what reached the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.alarm.change import Mark, Purpose, Subject
from alerts.alarm.records import raise_alarm
from alerts.channels.sms_modem import ModemNotifier
from alerts.people.inbox import SmsInbox
from alerts.telling.notifier import UndeliverableError
from alerts.telling.outbox import Queued, enqueue
from alerts.telling.part_journal import PartJournal
from alerts.telling.relay import Relay
from alerts.telling.sender import Sender
from quantrac.config.notifications import Medium
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from simulators.gsm.modem import Faults, GsmModem
from tests.fixtures.timing import eventually
from tests.integration.alerts.centre import STATION, add_network, rows
from tests.unit.alerts.rules import TEXTS

FARMER = 1
FARMER_PHONE = "+84912345678"


class Farm:
    """An alarm on record, a simulated modem, and the driver that is to tell a farmer of the alarm by it."""

    def __init__(self, conn: Connection, database: str, modem: GsmModem) -> None:
        self.conn, self.database, self.modem = conn, database, modem
        self.ahead = timedelta(0)
        """How far the test has put the clock forward."""
        now, subject = self.clock(), Subject("do-low", STATION, add_network(conn))
        raised = raise_alarm(conn, subject, Mark("act", Severity.HIGH, 2.8, 3.0), now, TEXTS, now)
        self.alarm = raised.alarm_id, raised.alarm_event_id
        self.driver = self._new_driver()

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def restart(self, **patience_s: float) -> None:
        """Take a new driver; `patience_s` is short where the modem is to be waited for in vain."""
        self.driver.close()
        self.driver = self._new_driver(**patience_s)

    def _new_driver(self, submit_s: float = 180.0, command_s: float = 180.0) -> ModemNotifier:
        journal = PartJournal(self.database, "modem", self.clock)
        inbox = SmsInbox(self.database, "modem", self.clock)
        return ModemNotifier(str(self.modem.link), journal, inbox, submit_s=submit_s, command_s=command_s)

    def queue(self, body: str = "oxy 2,8") -> None:
        now = self.clock()
        with self.conn.transaction():
            enqueue(self.conn, [Queued([FARMER], Medium.SMS, Purpose.RAISED, None, body, now, *self.alarm)], now)

    def attempts(self, times: int = 1) -> None:
        """Let a sender look `times` times, 70 s apart: longer than the first waits between attempts."""
        sender = Sender("", Medium.SMS, Relay([self.driver]), self.clock)
        for _ in range(times):
            sender.send_one(self.conn)
            self.ahead += timedelta(seconds=70)

    def attempts_until_settled(self) -> None:
        def is_settled() -> bool:
            self.attempts()
            return self.status() != "queued"

        eventually(is_settled)

    def attend_until(self, condition: Callable[[], bool]) -> None:
        def holds() -> bool:
            with suppress(UndeliverableError):  # a modem that was pulled out comes back
                self.driver.attend()
            return condition()

        eventually(holds)

    def attend_until_status(self, expected: str) -> None:
        self.ahead = timedelta(0)
        self.attend_until(lambda: self.status() == expected)

    def status(self) -> str:
        return str(self.rows("select status from v_notification")[0][0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return rows(self.conn, sql)


@pytest.fixture
def farm(conn: Connection, database: str, tmp_path: Path) -> Iterator[Farm]:
    modem = GsmModem(tmp_path / "modem", time.time)
    found = Farm(conn, database, modem)
    yield found
    found.driver.close()
    modem.close()


@pytest.mark.parametrize(
    ("text", "parts"),
    [("oxy 2,8", []), ("Oxy thấp ở sông Mỹ Thanh, hãy bật quạt nước ngay. " * 3, [(3, 1), (3, 2), (3, 3)])],
)
def test_a_message_goes_out_and_its_reports_say_that_all_of_it_arrived(
    farm: Farm, text: str, parts: list[tuple[int, int]]
) -> None:
    farm.queue(text)
    farm.attempts()
    aired = farm.modem.log
    assert "".join(one.text for one in aired) == f"{text} Tra loi: OK {farm.alarm[0]}"
    assert {(one.to, one.alphabet) for one in aired} == {(FARMER_PHONE, "UCS-2" if parts else "GSM-7")}
    assert [one.group[1:] for one in aired if one.group] == parts
    farm.attend_until_status("delivered")
    assert farm.rows("select carrier, error from v_notification") == [("modem", None)]


def test_a_refused_part_is_repeated_alone(farm: Farm) -> None:
    farm.queue("a" * 300)
    original = farm.driver._journal.sent

    def after_the_first(key: str, part: int, reference: int | None) -> None:
        original(key, part, reference)
        if part == 1 and len(farm.modem.log) == 1:
            farm.modem.faults.refuse = 1

    farm.driver._journal.sent = after_the_first  # type: ignore[method-assign]
    farm.attempts()
    assert farm.status() == "queued"
    farm.attempts()
    assert [one.group[2] for one in farm.modem.log if one.group] == [1, 2]
    assert farm.status() == "sent"


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
    "answer late, beyond patience": (Faults(late_answer_s=5.0, report=None), "unknown", 1),
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
def test_no_fault_doubles_a_message_and_none_loses_it_in_silence(farm: Farm, fault: str) -> None:
    farm.modem.faults, expected, aired = FAULTS[fault]
    farm.restart(**WAITED_FOR_IN_VAIN.get(fault, {}))
    farm.queue()
    farm.attempts_until_settled()
    farm.attempts(3)
    eventually(lambda: farm.modem.is_idle)  # what comes late has come
    farm.attend_until_status(expected)
    farm.attend_until(lambda: True)
    assert (farm.status(), len(farm.modem.log)) == (expected, aired)
    ((error,),) = farm.rows("select error from v_notification")
    assert (error is None) == (expected in ("delivered", "sent"))


@pytest.mark.parametrize(
    ("faults", "status", "error"),
    [
        (Faults(signal=99), "queued", "modem: no network (registration 0,1, signal 99)"),
        (Faults(pin=True), "failed", "SIM PIN"),
    ],
)
def test_a_modem_without_network_or_with_a_pin_is_not_asked_to_send(
    farm: Farm, faults: Faults, status: str, error: str
) -> None:
    farm.modem.faults = faults
    farm.queue()
    farm.attempts()
    ((found, why),) = farm.rows("select status, error from v_notification")
    assert found == status
    assert error in why
    assert farm.rows("select count(*) from sms_part") == [(0,)]


@pytest.mark.parametrize("trouble", ["silent", "away"])
def test_a_modem_that_is_away_for_a_while_sends_once(farm: Farm, trouble: str) -> None:
    farm.restart(command_s=0.8)
    farm.queue()
    if trouble == "silent":
        farm.modem.be_silent(3600)
    else:
        farm.modem.pull_out()
    farm.attempts()
    assert farm.status() == "queued"
    if trouble == "away":
        farm.modem.plug_in()
    else:
        farm.modem.be_silent(0)
    farm.attempts_until_settled()
    assert farm.status() in ("sent", "delivered")
    assert len(farm.modem.log) == 1


def test_a_process_killed_before_the_answer_leaves_unknown_and_sends_nothing_again(farm: Farm) -> None:
    farm.queue()
    ((key,),) = farm.rows("select key from notification")
    farm.driver._journal.begun(key.hex, 1, 1, FARMER_PHONE)
    farm.restart()  # it died
    farm.attempts(3)
    assert (farm.status(), farm.modem.log) == ("unknown", [])


def test_a_process_killed_before_its_commit_sends_nothing_again(farm: Farm) -> None:
    farm.queue()
    farm.attempts()
    farm.conn.execute("update notification set status = 'queued', attempts = 0")  # as if it had died then
    farm.restart()
    farm.attempts()
    assert (farm.status(), len(farm.modem.log)) == ("sent", 1)


def test_a_restarted_modem_is_told_again_to_pass_reports_on(farm: Farm) -> None:
    farm.driver.attend()
    farm.modem.restart()
    eventually(lambda: farm.modem.is_idle)
    farm.queue()
    farm.attempts_until_settled()
    farm.attend_until_status("delivered")
    assert len(farm.modem.log) == 1


def test_an_answer_acknowledges_the_alarm_and_leaves_the_modem(farm: Farm) -> None:
    farm.queue()
    farm.attempts()
    farm.modem.receive(FARMER_PHONE, f"ok {farm.alarm[0]} đã bật quạt")
    farm.attend_until(lambda: farm.modem.stored == 0)
    assert farm.rows("select state, acknowledged_by from v_alarm") == [("acknowledged", "Ông Sáu")]
    assert farm.rows("select reason from v_alarm_event where event = 'acknowledged'") == [("đã bật quạt",)]


def test_a_stranger_acknowledges_nothing_and_stop_is_honoured(farm: Farm) -> None:
    farm.queue()
    farm.attempts()
    farm.modem.receive("+84900000009", f"OK {farm.alarm[0]}")
    farm.modem.receive(FARMER_PHONE, "Stop")
    farm.attend_until(lambda: farm.modem.stored == 0)
    assert farm.rows("select meaning from sms_inbound order by inbound_id") == [("from nobody we know",), ("stop",)]
    assert farm.rows("select state from v_alarm") == [("unacknowledged",)]
    farm.conn.execute("delete from notification")
    farm.queue()
    farm.ahead += timedelta(seconds=1)
    farm.attempts()
    assert (farm.status(), len(farm.modem.log)) == ("failed", 1)


def test_a_message_that_comes_while_the_database_is_away_stays_in_the_modem(farm: Farm) -> None:
    driver = farm.driver
    driver.attend()
    there, driver._inbox = driver._inbox, SmsInbox("postgresql://nobody@127.0.0.1:1/none", "modem", farm.clock)
    farm.modem.receive(FARMER_PHONE, "OK")
    farm.attend_until(lambda: driver._dialogue is not None and driver._dialogue.has_mail)
    assert farm.modem.stored == 1
    driver._inbox = there
    farm.attend_until(lambda: farm.modem.stored == 0)
    assert farm.rows("select count(*) from sms_inbound") == [(1,)]
