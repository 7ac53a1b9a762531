"""A station's clock that is minutes off, or is set while it runs, hides no alarm, delays none and makes none."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Literal

import pytest

from alerts.evaluating.evaluator import Evaluator
from alerts.evaluating.reading_window import instant
from ingest.receiving.batch import prepare
from ingest.receiving.registry_table import load
from ingest.storing.transaction import store
from quantrac.config.rules import Level, Side
from quantrac.database.pool import Connection
from quantrac.telemetry.severity import Severity
from tests.integration.alerts.centre import ROUTING, START_MS, STATION, add_network, rows, run_all
from tests.unit.alerts.rules import MINUTE, oxygen_rule
from tests.unit.ingest.network import receipt

ACT = Level("act", Side.BELOW, 3.0, 3.3, 3 * MINUTE, 3 * MINUTE, Severity.HIGH, ("farmers",))
WAY_MS = 300
LENGTH = 50
SET_AT = 22
"""Minute at which the clock is set."""
OFF = [4, 20, -4, -20]
"""Minutes that a clock is ahead."""

Value = Callable[[int], float]
"""What a station measures, by the minute."""
Error = Callable[[int], float]
"""Minutes that its clock is ahead, by the minute."""
COPIES = """
with made as (
  insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)
  select copy, name_vi, name_en, in_service, config, config_applied, applied_at
  from station, unnest(%(copies)s::text[]) copy returning station)
insert into channel (station, name, parameter, unit, kind, interval_s)
select made.station, name, parameter, unit, kind, interval_s from channel, made
"""
EVENTS = "select station, event from alarm_event join alarm using (alarm_id) order by alarm_event_id"


class World:
    """Stations with their clocks, ingest's transaction and the evaluator, by a time that the test sets."""

    def __init__(self, conn: Connection, other: Connection, stations: Iterable[str]) -> None:
        add_network(conn)
        conn.execute(COPIES, {"copies": [name for name in stations if name != STATION]})
        self._conn, self._registry, self._seq = conn, load(conn), 0
        self.now_ms = START_MS
        channels = [f"{name}/do" for name in {STATION, *stations}]
        rules = {channel: [replace(oxygen_rule(ACT), channel=channel)] for channel in channels}
        self.evaluator = Evaluator(other, rules, ROUTING, lambda: instant(self.now_ms))

    def hear(
        self, messages: Iterable[tuple[str, int, float]], lane: Literal["readings", "backfill"], at_ms: int
    ) -> None:
        """Receive messages of station, time and value, store them and evaluate."""
        self.now_ms = at_ms
        lines: dict[str, list[str]] = defaultdict(list)
        for station, t, value in messages:
            self._seq += 1
            message = {"epoch": "e1", "seq": self._seq, "t": t, "r": [["do", value, "ok"]]}
            lines[station].append(json.dumps(message))
        came = [receipt("\n".join(said).encode(), lane, station, at_ms) for station, said in lines.items()]
        store(self._conn, prepare(came, self._registry))
        run_all(self.evaluator)
        self.evaluator.tell_summaries()

    def run(self, stations: Mapping[str, tuple[Value, Error]]) -> dict[str, list[tuple[str, int]]]:
        """Say each minute's value with a clock that is so much ahead; return what happened of alarms, and when."""
        told: dict[str, list[tuple[str, int]]] = {name: [] for name in stations}
        count = 0
        for minute in range(LENGTH):
            true_ms = START_MS + minute * MINUTE
            messages = [
                (name, true_ms + round(ahead(minute) * MINUTE), value(minute))
                for name, (value, ahead) in stations.items()
            ]
            self.hear(messages, "readings", true_ms + WAY_MS)
            events = rows(self._conn, EVENTS)
            for station, event in events[count:]:
                told[station].append((event, minute))
            count = len(events)
        return told


def named(kind: str, off: int, low_from: int = 0) -> str:
    return f"st-{kind}-{abs(off)}-{'ahead' if off > 0 else 'behind'}-{low_from}"


def low_between(first: int, last: int) -> Value:
    return lambda minute: 2.5 if first <= minute < last else 6.0


CLOCKS: dict[str, Callable[[int], Error]] = {
    "always": lambda off: lambda minute: off,
    "set-right": lambda off: lambda minute: off if minute < SET_AT else 0,
    "set-wrong": lambda off: lambda minute: 0 if minute < SET_AT else off,
    "set-from-side-to-side": lambda off: lambda minute: off if minute < SET_AT else -off,
}


def test_an_alarm_comes_and_ends_within_a_minute_of_a_right_clock(conn: Connection, other: Connection) -> None:
    """Each station has another clock, and its water is bad at another time."""
    begins = {STATION: 20}
    stations: dict[str, tuple[Value, Error]] = {STATION: (low_between(20, 30), lambda minute: 0)}
    for (kind, clock), off, low_from in product(CLOCKS.items(), OFF, (SET_AT + by for by in (-8, -1, 0, 1, 8))):
        name = named(kind, off, low_from)
        begins[name], stations[name] = low_from, (low_between(low_from, low_from + 10), clock(off))
    told = World(conn, other, stations).run(stations)
    assert told[STATION] == [("raised", 22), ("cleared", 32)], "the right clock that the others are compared with"
    for name, low_from in begins.items():
        assert [event for event, _ in told[name]] == ["raised", "cleared"], name
        for right, (event, minute) in zip((low_from + 2, low_from + 12), told[name], strict=True):
            assert right - 1 <= minute <= right + 1, f"{name}: {event} at {minute}, by a right clock at {right}"


def test_a_jump_raises_nothing(conn: Connection, other: Connection) -> None:
    stations: dict[str, tuple[Value, Error]] = {
        named(kind, off): (lambda minute: 2.5 if minute % 5 < 2 else 6.0, clock(off))
        for (kind, clock), off in product(CLOCKS.items(), OFF)
    }
    told = World(conn, other, stations).run(stations)
    assert {name: events for name, events in told.items() if events} == {}


@pytest.mark.parametrize("off", [-4, -20])
def test_a_bundle_of_the_past_is_late_whatever_the_clock(conn: Connection, other: Connection, off: int) -> None:
    world = World(conn, other, [STATION])
    world.run({STATION: (lambda minute: 6.0, lambda minute: off)})
    past_ms = START_MS - 300 * MINUTE
    bundle = [(STATION, past_ms + minute * MINUTE, 2.5) for minute in range(10)]
    world.hear(bundle, "backfill", START_MS + LENGTH * MINUTE)
    world.now_ms += 60_000
    world.evaluator.tell_summaries()
    assert rows(conn, "select late, raised_at from v_alarm") == [(True, instant(past_ms + 2 * MINUTE))]


def test_live_messages_that_a_broker_held_back_are_late(conn: Connection, other: Connection) -> None:
    world = World(conn, other, [STATION])
    at_ms = START_MS + 60 * MINUTE
    for minute in range(30):
        world.hear([(STATION, START_MS + minute * MINUTE, 2.5)], "readings", at_ms + 100 * minute)
    for minute in range(61, 70):
        true_ms = START_MS + minute * MINUTE
        world.hear([(STATION, true_ms, 6.0)], "readings", true_ms + WAY_MS)
    assert rows(conn, "select late from v_alarm") == [(True,)]
    assert rows(conn, "select from station_clock") == []
