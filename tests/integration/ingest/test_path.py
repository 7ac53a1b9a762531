"""A message's way through the running service."""

import time

import psycopg
import pytest

from quantrac.telemetry.wire import Message
from tests.fixtures.timing import eventually, quickest
from tests.integration.ingest.conftest import Edge, RunningIngest

T = 1_790_000_000_000


def message(seq: int, *readings: tuple[str, float | None, str], epoch: str = "e1", t: int | None = None) -> Message:
    return Message(epoch, seq, T + seq * 1000 if t is None else t, list(readings) or [("do", 6.5, "ok")])


def test_a_reading_is_stored_with_value_state_tests_and_receipt(edge: Edge, network: psycopg.Connection) -> None:
    before_ms = time.time() * 1000 - 1
    edge.send(message(1, ("water_temp", 28.41, "ok"), ("do", None, "comm"), ("ph", 50.0, "suspect")))
    eventually(lambda: network.execute("select count(*) from v_reading").fetchone() == (3,))
    rows = network.execute("select channel, value, state, tests from v_reading order by channel").fetchall()
    assert rows == [
        ("st-test/do", None, "comm", '{"null"}'),
        ("st-test/ph", 50.0, "suspect", "{plausible,expect}"),
        ("st-test/water_temp", 28.41, "ok", "{}"),
    ]
    eventually(lambda: edge.upto("e1") == 1)
    assert before_ms <= edge.acks[-1].t <= time.time() * 1000


@pytest.mark.timed
def test_ingest_is_subscribed_within_three_seconds(ingest: RunningIngest) -> None:
    def start() -> float:
        assert ingest.stop() == 0
        began = time.monotonic()
        ingest.start()
        return time.monotonic() - began

    assert quickest(start, 3) < 3
