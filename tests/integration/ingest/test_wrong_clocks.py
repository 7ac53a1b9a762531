"""From MQTT to the alarm with stations whose clock is wrong, or was wrong and is set."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.evaluating.evaluator import Evaluator
from quantrac.config.rules import Level, Side
from quantrac.database.pool import Connection, connect
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.wire import Message
from tests.fixtures.stations import add_channel, add_station
from tests.fixtures.timing import eventually
from tests.integration.alerts.centre import ROUTING
from tests.integration.ingest.conftest import CHANNELS, RANGES, STATIONS, Edge
from tests.unit.alerts.rules import oxygen_rule

MINUTE = 60_000
LOW_FROM, DELAY_S = 5, 5
AHEAD_MS: dict[str, Callable[[int], int]] = {
    "st-my-thanh": lambda second: 20 * MINUTE,
    "st-tran-de": lambda second: 20 * MINUTE if second < LOW_FROM else 0,
    "st-dai-ngai": lambda second: 4 * MINUTE if second < LOW_FROM else 0,
    "st-vinh-chau": lambda second: 0 if second < LOW_FROM else -20 * MINUTE,
}
"""By how much the clock of a station is ahead: always, until it is set right, or from when it is set wrong on."""


@pytest.fixture
def stations(network: Connection) -> None:
    for station in AHEAD_MS.keys() - set(STATIONS):
        add_station(network, station)
        for name in CHANNELS:
            add_channel(network, station, name, interval_s=10, **RANGES)


@pytest.mark.usefixtures("stations", "ingest")
def test_a_low_value_is_an_alarm_within_its_delay_and_a_minute_whatever_the_clock_of_its_station(
    network: Connection, database: str, broker: PrivateMosquitto
) -> None:
    limit = Level("act", Side.BELOW, 25.0, 26.0, DELAY_S * 1000, 5_000, Severity.HIGH)
    rule = oxygen_rule(limit, interval_ms=1000)
    rules = {f"{station}/do": [replace(rule, channel=f"{station}/do")] for station in AHEAD_MS}
    after_s: dict[str, float] = {}
    with ExitStack() as stack:
        edges = {station: Edge(broker, station) for station in AHEAD_MS}
        for edge in edges.values():
            stack.callback(edge.session.stop)
        worker = Evaluator(
            stack.enter_context(connect(database, "test evaluator")), rules, ROUTING, lambda: datetime.now(UTC)
        )
        begun = int(time.time())

        def all_are_raised() -> bool:
            while worker.round():
                pass
            for (station,) in network.execute("select station from alarm where not late").fetchall():
                after_s.setdefault(station, time.time() - begun)
            return after_s.keys() == AHEAD_MS.keys()

        for second in range(LOW_FROM + DELAY_S + 60):
            time.sleep(max(0.0, begun + second - time.time()))
            value = 30.0 if second < LOW_FROM else 22.0
            for station, ahead_ms in AHEAD_MS.items():
                t_ms = (begun + second) * 1000 + ahead_ms(second)
                edges[station].send(Message("e1", second + 1, t_ms, [("do", value, "ok")]))
            if all_are_raised():
                break
        eventually(all_are_raised)  # of what was sent within the minute
    raised = network.execute("select station, rule, late from v_alarm order by station").fetchall()
    assert raised == [(station, "do-low", False) for station in sorted(AHEAD_MS)]
    assert min(after_s.values()) >= LOW_FROM + DELAY_S - 2, "no sooner than its delay"
