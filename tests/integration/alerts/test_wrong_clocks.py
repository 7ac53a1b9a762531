"""A station's clock that is minutes off, or is set while it runs, hides no alarm, delays none and makes none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.reading_window import instant
from ingest.receiving.batch import prepare
from ingest.receiving.registry_table import load
from ingest.storing.transaction import store
from quantrac.config.rules import Level, Side
from quantrac.database.pool import Connection, connect
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import CHANNEL, ROUTING, START_MS, STATION, add_network, rows
from tests.unit.alerts.rules import MINUTE, oxygen_rule
from tests.unit.ingest.network import receipt

ACT = Level("act", Side.BELOW, 3.0, 3.3, 3 * MINUTE, 3 * MINUTE, Severity.HIGH, ("farmers",))
WAY_MS = 300
LENGTH = 50
SET_AT = 22
"""Minute at which the clock is set."""
OFF = [4, 20, -4, -20]
"""Minutes that a clock is ahead."""

Error = Callable[[int], float]
"""Minutes that the clock is ahead, by the minute."""


class World:
    """A station with its clock, ingest's transaction and the evaluator, by a time that the test sets."""

    def __init__(self, conn: Connection, other: Connection) -> None:
        self._conn, self._registry, self._seq = conn, load(conn), 0
        self.now_ms = START_MS
        self.evaluator = Evaluator(other, {CHANNEL: [oxygen_rule(ACT)]}, ROUTING, lambda: instant(self.now_ms))

    def hear(self, *messages: tuple[int, float], lane: str = "readings", at_ms: int) -> None:
        """Receive messages of time and value, store them and evaluate."""
        self.now_ms = at_ms
        lines = [
            json.dumps({"epoch": "e1", "seq": self._next(), "t": t, "r": [["do", value, "ok"]]})
            for t, value in messages
        ]
        store(self._conn, prepare([receipt("\n".join(lines).encode(), lane, STATION, at_ms)], self._registry))
        while self.evaluator.round():
            pass
        self.evaluator.tell_summaries()

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def run(self, value: Callable[[int], float], ahead: Error) -> list[tuple[str, int]]:
        """Say each minute's value with a clock that is so much ahead; return what happened of alarms, and when."""
        told: list[tuple[str, int]] = []
        for minute in range(LENGTH):
            true_ms = START_MS + minute * MINUTE
            self.hear((true_ms + round(ahead(minute) * MINUTE), value(minute)), at_ms=true_ms + WAY_MS)
            events = [event for (event,) in rows(self._conn, "select event from alarm_event order by alarm_event_id")]
            told += [(event, minute) for event in events[len(told) :]]
        return told


@pytest.fixture
def world(conn: Connection, database: str) -> Iterator[World]:
    add_network(conn)
    with connect(database, "test evaluator") as other:
        yield World(conn, other)


def low_between(first: int, last: int) -> Callable[[int], float]:
    return lambda minute: 2.5 if first <= minute < last else 6.0


CLOCKS: dict[str, Callable[[int], Error]] = {
    "always": lambda off: lambda minute: off,
    "set right": lambda off: lambda minute: off if minute < SET_AT else 0,
    "set wrong": lambda off: lambda minute: 0 if minute < SET_AT else off,
    "set from side to side": lambda off: lambda minute: off if minute < SET_AT else -off,
}


@pytest.mark.parametrize("low_from", [SET_AT - 8, SET_AT - 1, SET_AT, SET_AT + 1, SET_AT + 8])
@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize("kind", list(CLOCKS))
def test_an_alarm_comes_and_ends_within_a_minute_of_a_right_clock(
    world: World, kind: str, off: int, low_from: int
) -> None:
    calm = [("raised", low_from + 2), ("cleared", low_from + 12)]
    told = world.run(low_between(low_from, low_from + 10), CLOCKS[kind](off))
    assert [event for event, _ in told] == ["raised", "cleared"]
    for (_, right), (event, minute) in zip(calm, told, strict=True):
        assert right - 1 <= minute <= right + 1, f"{event} at {minute}, by a right clock at {right}"


def test_the_right_clock_that_the_others_are_compared_with(world: World) -> None:
    assert world.run(low_between(20, 30), lambda minute: 0) == [("raised", 22), ("cleared", 32)]


@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize("kind", list(CLOCKS))
def test_a_jump_raises_nothing(world: World, kind: str, off: int) -> None:
    assert world.run(lambda minute: 2.5 if minute % 5 < 2 else 6.0, CLOCKS[kind](off)) == []


@pytest.mark.parametrize("off", [-4, -20])
def test_a_bundle_of_the_past_is_late_whatever_the_clock(world: World, conn: Connection, off: int) -> None:
    world.run(lambda minute: 6.0, lambda minute: off)
    past_ms = START_MS - 300 * MINUTE
    at_ms = START_MS + LENGTH * MINUTE
    world.hear(*((past_ms + minute * MINUTE, 2.5) for minute in range(10)), lane="backfill", at_ms=at_ms)
    world.now_ms += 60_000
    world.evaluator.tell_summaries()
    assert rows(conn, "select late, raised_at from v_alarm") == [(True, instant(past_ms + 2 * MINUTE))]


def test_live_messages_that_a_broker_held_back_are_late(world: World, conn: Connection) -> None:
    at_ms = START_MS + 60 * MINUTE
    for minute in range(30):
        world.hear((START_MS + minute * MINUTE, 2.5), at_ms=at_ms + 100 * minute)
    for minute in range(61, 70):
        world.hear((START_MS + minute * MINUTE, 6.0), at_ms=START_MS + minute * MINUTE + WAY_MS)
    assert rows(conn, "select late from v_alarm") == [(True,)]
    assert rows(conn, "select from station_clock") == []
