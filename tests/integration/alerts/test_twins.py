"""Sonde and gauge measure the same water: one alarm, as bad as the worse of them, over when both are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts import desk
from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.past import SETTLE
from alerts.rules.rule import ChannelRule
from alerts.telling.messages import tell_withheld
from quantrac.config.rules import Level, Side
from quantrac.database.pool import Connection, connect
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import (
    CHANNEL,
    ROUTING,
    START,
    START_MS,
    STATION,
    add_channel,
    add_network,
    rows,
    run_all,
    store,
)
from tests.unit.alerts.rules import MINUTE, oxygen_rule
from tests.unit.alerts.series import read_series

LOW = Level("low", Side.BELOW, 4.0, 4.3, 2 * MINUTE, 2 * MINUTE, Severity.HIGH, ("farmers", "operators"))
BAD = Level("bad", Side.BELOW, 2.0, 2.3, 2 * MINUTE, 2 * MINUTE, Severity.CRITICAL, ("farmers", "operators"))
GAUGE = f"{STATION}/gauge_do"
SONDE_RULE = oxygen_rule(LOW, BAD)


class Pair:
    """Two channels of oxygen and the evaluator that watches both."""

    def __init__(self, conn: Connection, other: Connection, rule: ChannelRule = SONDE_RULE) -> None:
        self.conn = conn
        self.sonde, self.gauge = add_network(conn), add_channel(conn, "gauge_do", parameter="do")
        rules = {CHANNEL: [rule], GAUGE: [replace(rule, channel=GAUGE)]}
        self.now = START
        self.evaluator = Evaluator(other, rules, ROUTING, lambda: self.now)

    def measure(self, sonde: str, gauge: str, *, after: int = 0) -> None:
        """Store both series, minute by minute from so many minutes after the start, and evaluate."""
        both = [read_series(series, MINUTE, start_ms=START_MS + after * MINUTE) for series in (sonde, gauge)]
        for minute in range(max(map(len, both))):
            for channel_id, series in zip((self.sonde, self.gauge), both, strict=True):
                if minute < len(series):
                    store(self.conn, channel_id, [series[minute]])
            run_all(self.evaluator)

    def fill(self, channel_id: int, series: str, *, after: int, received: int) -> None:
        """Store what came in one block, so many minutes after the start, and evaluate it."""
        late = read_series(series, MINUTE, start_ms=START_MS + after * MINUTE)
        store(self.conn, channel_id, [one._replace(received_ms=START_MS + received * MINUTE) for one in late])
        run_all(self.evaluator)

    def settle(self) -> None:
        """Let late readings settle, and tell what they show."""
        self.now += SETTLE
        self.evaluator.tell_summaries()

    def history(self) -> list[tuple[str, str | None]]:
        return rows(self.conn, "select event, detail->>'level' from alarm_event order by alarm_event_id")

    def told(self) -> list[str]:
        found = rows(self.conn, "select purpose from notification where medium = 'sms' order by notification_id")
        return [purpose for (purpose,) in found]


@pytest.fixture
def pair(conn: Connection, other: Connection) -> Pair:
    return Pair(conn, other)


ROSE_AND_ENDED: list[tuple[str, str | None]] = [("raised", "low"), ("cleared", None)]
ONCE = ["raised", "cleared"]
STORIES: Sequence[tuple[str, str, str, list[tuple[str, str | None]], list[str]]] = [
    ("both together", "6x3 3x5 6x5", "6x3 3x5 6x5", ROSE_AND_ENDED, ONCE),
    ("one after the other", "6x3 3x8 6x5", "6x6 3x5 6x5", ROSE_AND_ENDED, ONCE),
    ("the first clears first", "6x3 3x5 6x9", "6x5 3x7 6x5", ROSE_AND_ENDED, ONCE),
    ("they take turns without a gap", "6x3 3x5 6x9", "6x4 3x9 6x5", ROSE_AND_ENDED, ONCE),
    (
        "the other is worse", "6x3 3x12 6x5", "6x6 1x5 6x6",
        [("raised", "low"), ("level", "bad"), ("level", "low"), ("cleared", None)], ["raised", "level", "cleared"],
    ),
    (
        "the worse one raises first", "6x3 1x5 6x9", "6x3 3x9 6x5",
        [("raised", "bad"), ("level", "low"), ("cleared", None)], ONCE,
    ),
    ("one says nothing any more", "6x3 3x8", "6x3 3x5 6x5", [("raised", "low")], ["raised"]),
    ("one has never said anything", "6x3 3x5 6x5", "6x0", ROSE_AND_ENDED, ONCE),
    ("only one is low", "6x13", "6x3 3x5 6x5", ROSE_AND_ENDED, ONCE),
]  # fmt: skip


@pytest.mark.parametrize("swapped", [False, True], ids=["sonde, gauge", "gauge, sonde"])
@pytest.mark.parametrize(("sonde", "gauge", "history", "told"), [s[1:] for s in STORIES], ids=[s[0] for s in STORIES])
def test_one_rule_at_one_place_is_one_story(
    pair: Pair, sonde: str, gauge: str, history: list[tuple[str, str | None]], told: list[str], swapped: bool
) -> None:
    pair.measure(*((gauge, sonde) if swapped else (sonde, gauge)))
    assert rows(pair.conn, "select count(*) from alarm") == [(1,)]
    assert pair.history() == history
    assert pair.told() == told


def test_a_message_says_the_value_of_the_worse_twin(pair: Pair) -> None:
    pair.measure("6x3 3x8", "6x6 1.5x5")
    bodies = [body for (body,) in rows(pair.conn, "select body from notification where medium = 'sms' order by 1")]
    assert any("1,50" in body for body in bodies)
    assert rows(pair.conn, "select level, channel from v_alarm") == [("bad", CHANNEL)]


def test_acknowledging_covers_both(pair: Pair) -> None:
    pair.measure("6x3 3x6", "6x9")
    ((alarm_id,),) = rows(pair.conn, "select alarm_id from v_alarm")
    desk.acknowledge(pair.conn, alarm_id, "Lan", None, START)
    pair.measure("3x10", "6x1 3x5", after=9)
    assert rows(pair.conn, "select state, acknowledged_by from v_alarm") == [("acknowledged", "Lan")]
    assert pair.told() == ["raised"]


def test_a_rule_that_names_one_channel_has_no_twins(conn: Connection, database: str) -> None:
    with connect(database, "test evaluator") as other:
        pair = Pair(conn, other)
        pair.evaluator = Evaluator(other, {CHANNEL: [SONDE_RULE]}, ROUTING, lambda: START)
        pair.measure("6x13", "6x3 3x5 6x5")
        assert rows(conn, "select from alarm") == []


def test_a_story_that_is_shelved_is_not_told_by_its_twin(pair: Pair) -> None:
    pair.measure("6x3 3x6", "6x9")
    ((alarm_id,),) = rows(pair.conn, "select alarm_id from v_alarm")
    desk.shelve(pair.conn, alarm_id, "Lan", "they know", START + timedelta(days=1), START)
    pair.measure("6x5", "6x5", after=9)
    pair.measure("6x9", "6x3 1x6", after=14)
    assert rows(pair.conn, "select channel, state from v_alarm order by alarm_id") == [
        (CHANNEL, "cleared"), (GAUGE, "shelved"),
    ]  # fmt: skip
    assert pair.told() == ["raised", "cleared"]


@pytest.mark.parametrize(("sonde", "gauge"), [("6x3 3x15 6x9", "6x9 3x6 6x12"), ("6x9 3x9 6x9", "6x3 3x12 6x12")])
def test_maintenance_of_one_twin_withholds_what_stands_at_it_alone(pair: Pair, sonde: str, gauge: str) -> None:
    """Whichever raised the alarm: while the other one stands, people hear of it."""
    pair.conn.execute("""update station set config = '{"devices": {"sonde": {"channels": {"do": {}}}}}'""")
    desk.take_out_of_service(pair.conn, STATION, "sonde", "lan", "new probe", START + timedelta(hours=4), START)
    first: dict[str, int] = {}
    both = [read_series(series, MINUTE, start_ms=START_MS) for series in (sonde, gauge)]
    for minute in range(27):
        for channel_id, series in zip((pair.sonde, pair.gauge), both, strict=True):
            if minute < len(series):
                store(pair.conn, channel_id, [series[minute]])
        run_all(pair.evaluator)
        tell_withheld(pair.conn, ROUTING, pair.now)
        for (state,) in rows(pair.conn, "select state from v_alarm"):
            first.setdefault(state, minute)
    order = ["unacknowledged", "out of service", "cleared"]
    if sonde.startswith("6x3"):
        order[:2] = order[1::-1]
    assert sorted(first, key=first.__getitem__) == order
    assert pair.told() == ONCE


@pytest.mark.parametrize("shelved", [False, True], ids=["told", "shelved"])
def test_late_readings_of_twins_show_one_alarm_of_the_past(pair: Pair, shelved: bool) -> None:
    pair.measure("3x4 6x3 _x40 6x3", "6x7 _x40 6x3")
    if shelved:
        ((alarm_id,),) = rows(pair.conn, "select alarm_id from v_alarm")
        desk.shelve(pair.conn, alarm_id, "Lan", "they know", START + timedelta(days=1), START)
    for channel_id, series in ((pair.sonde, "6x5 3x10 6x25"), (pair.gauge, "6x9 1x10 6x21")):
        pair.fill(channel_id, series, after=7, received=51)
    pair.settle()
    assert rows(pair.conn, "select level, untold from v_alarm where late") == [("bad", "shelved" if shelved else None)]
    assert pair.told() == ["raised", "cleared", *([] if shelved else ["late"])]
