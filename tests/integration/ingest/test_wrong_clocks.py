"""From MQTT to the alarm with a station whose clock is wrong, or was wrong and is set."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from alerts.evaluating.evaluator import Evaluator
from quantrac.config.rules import Level, Side
from quantrac.database.pool import Connection, connect
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.wire import Message
from tests.integration.alerts.centre import CHANNEL, ROUTING, STATION
from tests.integration.ingest.conftest import Edge, RunningIngest
from tests.unit.alerts.rules import oxygen_rule

MINUTE = 60_000
LOW_FROM, DELAY_S = 5, 5


@pytest.mark.parametrize(
    "ahead_ms",
    [
        pytest.param(lambda second: 20 * MINUTE, id="20 minutes ahead"),
        pytest.param(lambda second: 20 * MINUTE if second < LOW_FROM else 0, id="20 minutes ahead, set right"),
        pytest.param(lambda second: 4 * MINUTE if second < LOW_FROM else 0, id="4 minutes ahead, set right"),
        pytest.param(lambda second: 0 if second < LOW_FROM else -20 * MINUTE, id="right, set 20 minutes behind"),
    ],
)
def test_a_low_value_is_an_alarm_within_its_delay_and_a_minute(
    ingest: RunningIngest,
    network: Connection,
    database: str,
    broker: PrivateMosquitto,
    ahead_ms: Callable[[int], int],
) -> None:
    rule = oxygen_rule(Level("act", Side.BELOW, 25.0, 26.0, DELAY_S * 1000, 5_000, Severity.HIGH), interval_ms=1000)
    edge = Edge(broker, STATION)
    try:
        with connect(database, "test evaluator") as other:
            worker = Evaluator(other, {CHANNEL: [rule]}, ROUTING, lambda: datetime.now(UTC))
            begun = int(time.time())
            for second in range(LOW_FROM + DELAY_S + 60):
                time.sleep(max(0.0, begun + second - time.time()))
                value = 30.0 if second < LOW_FROM else 22.0
                edge.send(Message("e1", second + 1, (begun + second) * 1000 + ahead_ms(second), [("do", value, "ok")]))
                while worker.round():
                    pass
                if network.execute("select from alarm where not late").rowcount:
                    break
        raised = network.execute("select rule, late from v_alarm").fetchall()
        assert raised == [("do-low", False)]
        assert second >= LOW_FROM + DELAY_S - 2, "no sooner than its delay"
    finally:
        edge.session.stop()
