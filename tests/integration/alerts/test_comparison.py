"""What other systems get wrong, from the feed to the messages: every row of a comparison that was measured.

Rows that need processes or a provider stand elsewhere: everything killed while firing, and between alarm and message,
in `test_service`; a receiver that is down in `test_outbox`.

The rule of the table: oxygen < 3.0 for 30 samples raises, > 3.3 for 30 clears, one sample a second.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.past import SETTLE
from alerts.evaluating.reading_window import instant
from alerts.rules.block import JudgedReading
from alerts.rules.rule import ChannelRule
from quantrac.database.pool import Connection, connect
from tests.integration.alerts.centre import (
    CHANNEL,
    ROUTING,
    START,
    START_MS,
    Clock,
    add_channel,
    add_network,
    rows,
    run_all,
    store,
)
from tests.unit.alerts.rules import small_rule
from tests.unit.alerts.series import read_series

SECOND = 1000


@pytest.fixture
def rule() -> ChannelRule:
    made = small_rule()
    return replace(made, levels=tuple(replace(level, to=("farmers", "operators")) for level in made.levels))


@pytest.fixture
def channel_id(conn: Connection) -> int:
    found = add_network(conn)
    conn.execute("update channel set interval_s = 1")
    return found


@pytest.fixture
def worker(other: Connection, rule: ChannelRule, channel_id: int, clock: Clock) -> Evaluator:
    return Evaluator(other, {CHANNEL: [rule]}, ROUTING, clock)


def course(text: str, at: int = 0, *, received: int | None = None) -> list[JudgedReading]:
    """A series of one reading a second from second `at`; `received` (second): all came together then."""
    samples = read_series(text, SECOND, start_ms=START_MS + at * SECOND)
    return [s if received is None else s._replace(received_ms=START_MS + received * SECOND) for s in samples]


def alarms(conn: Connection) -> list[tuple[bool, float, float | None]]:
    """(late, raised, cleared) in seconds after the start."""
    found = rows(conn, "select late, raised_at, cleared_at from v_alarm order by raised_at")
    return [(late, _seconds(raised), None if cleared is None else _seconds(cleared)) for late, raised, cleared in found]


def _seconds(time: datetime) -> float:
    return (time - START).total_seconds()


def purposes(conn: Connection, medium: str = "sms") -> list[str]:
    found = rows(conn, "select purpose from notification where medium = %s order by notification_id", medium)
    return [purpose for (purpose,) in found]


def test_a_silence_is_no_time_in_alarm(conn: Connection, worker: Evaluator, channel_id: int) -> None:
    store(conn, channel_id, course("2.0x20 _x60 2.0x9"))
    run_all(worker)
    assert alarms(conn) == []
    store(conn, channel_id, course("2.0x11", 89))
    run_all(worker)
    assert alarms(conn) == [(False, 89, None)]


def test_a_silence_gives_no_all_clear_and_the_alarm_says_no_data_since(
    conn: Connection, worker: Evaluator, channel_id: int
) -> None:
    store(conn, channel_id, course("2.0x30 _x120"))
    run_all(worker)
    assert alarms(conn) == [(False, 29, None)]
    assert purposes(conn) == ["raised"]
    assert rows(conn, "select no_data_since from v_alarm") == [(instant(START_MS + 29 * SECOND),)]


def test_a_low_episode_that_arrives_afterwards_is_told_once_as_late_with_its_own_times(
    conn: Connection, worker: Evaluator, channel_id: int, clock: Clock
) -> None:
    store(conn, channel_id, course("4.0x30"))
    store(conn, channel_id, course("4.0x60", 150, received=210))
    run_all(worker)
    clock.now = START + timedelta(seconds=300)
    for at in (30, 60, 90, 120):  # the backfill comes in pieces
        text = "2.0x30" if at in (60, 90) else "4.0x30"
        store(conn, channel_id, course(text, at, received=300))
        run_all(worker)
        worker.tell_summaries()
        assert purposes(conn) == []  # nothing is told while it still comes
    clock.now += SETTLE
    worker.tell_summaries()
    worker.tell_summaries()
    assert alarms(conn) == [(True, 89, 149)]
    assert purposes(conn) == ["late"]
    assert purposes(conn, "email") == ["late"]
    (body,) = rows(conn, "select body from notification where medium = 'sms'")[0]
    assert body == "So lieu den muon: Song My Thanh: Oxy thap 2,00, 08:01-08:02 24/11. Da qua, khong phai hien tai."
    assert rows(conn, "select count(*) from v_alarm where cleared_at is null") == [(0,)]


def test_late_good_values_do_not_clear_a_standing_alarm(conn: Connection, worker: Evaluator, channel_id: int) -> None:
    store(conn, channel_id, course("2.0x30 _x60 2.0x10"))
    run_all(worker)
    store(conn, channel_id, course("8.0x60", 30, received=101))
    run_all(worker)
    assert alarms(conn) == [(False, 29, None)]
    assert purposes(conn) == ["raised"]


def test_a_late_episode_that_still_holds_at_the_newest_reading_is_raised_as_now(
    conn: Connection, worker: Evaluator, channel_id: int, clock: Clock
) -> None:
    store(conn, channel_id, course("4.0x30"))
    store(conn, channel_id, course("2.0x5", 90, received=95))  # too few to raise by themselves
    run_all(worker)
    assert alarms(conn) == []
    store(conn, channel_id, course("2.0x60", 30, received=96))
    run_all(worker)
    clock.now += SETTLE
    worker.tell_summaries()
    assert alarms(conn) == [(False, 94, None)]
    assert purposes(conn) == ["raised"]
    store(conn, channel_id, course("4.0x30", 95))
    run_all(worker)
    assert alarms(conn) == [(False, 94, 124)]
    assert purposes(conn) == ["raised", "cleared"]


def test_what_recovered_while_the_service_was_down_is_told_once_with_its_own_time(
    conn: Connection, worker: Evaluator, channel_id: int, database: str, rule: ChannelRule, clock: Clock
) -> None:
    store(conn, channel_id, course("2.0x30"))
    run_all(worker)
    store(conn, channel_id, course("4.0x600", 30))
    with connect(database, "test comparison") as other:
        again = Evaluator(other, {CHANNEL: [rule]}, ROUTING, clock)
        run_all(again)
    assert alarms(conn) == [(False, 29, 59)]
    assert purposes(conn) == ["raised", "cleared"]


def test_an_alarm_of_the_past_overlapping_one_that_was_told_is_nothing_new(
    conn: Connection, worker: Evaluator, channel_id: int, clock: Clock
) -> None:
    store(conn, channel_id, course("2.0x40 _x40 4.0x40"))
    run_all(worker)
    store(conn, channel_id, course("2.0x40", 40, received=121))
    run_all(worker)
    clock.now += timedelta(hours=1)
    worker.tell_summaries()
    assert alarms(conn) == [(False, 29, 109)]
    assert purposes(conn) == ["raised", "cleared"]


def test_three_hundred_alarms_at_once_are_three_messages_to_a_person(
    conn: Connection, database: str, rule: ChannelRule, channel_id: int, clock: Clock
) -> None:
    added = [add_channel(conn, f"do_{number}", parameter="do", interval_s=1) for number in range(1, 300)]
    ids = [channel_id, *added]
    names = [CHANNEL] + [f"{CHANNEL}_{number}" for number in range(1, 300)]
    with connect(database, "test storm") as other:
        rules = {name: [replace(rule, rule=f"low-{number}", channel=name)] for number, name in enumerate(names)}
        worker = Evaluator(other, rules, ROUTING, clock)
        for second in range(10):
            clock.now = START + timedelta(seconds=30 + second)
            for id_ in ids[second * 30 : second * 30 + 30]:
                store(conn, id_, course("2.0x30", second))
            run_all(worker)
            worker.tell_summaries()
        assert rows(conn, "select count(*) from v_alarm") == [(300,)]
        for _ in range(30):
            clock.now += timedelta(seconds=1)
            worker.tell_summaries()
    for medium in ("sms", "email"):
        told = rows(
            conn,
            "select purpose, queued_at from notification where medium = %s and status = 'queued' order by 2",
            medium,
        )
        assert [purpose for purpose, _ in told] == ["raised", "raised", "summary"]
        assert told[0][1] - START <= timedelta(seconds=30)  # with the first reading that completes a delay
    (text,) = rows(conn, "select body from notification where medium = 'sms' and purpose = 'summary'")[0]
    assert text == "NGHIEM TRONG: Oxy thap 2,00, Song My Thanh. Nang nhat trong 298 canh bao moi, 08:00 24/11."
