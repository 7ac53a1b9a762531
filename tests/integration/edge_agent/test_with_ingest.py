"""Agent, broker, ingest and database, each killed in turn: the spool's book and the ledger agree to the message."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent import desk
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection, connect
from quantrac.desks.network import apply_network
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry.wire import Message
from tests.fixtures.timing import eventually
from tests.integration.edge_agent.agent import STATION, Numbers, Running
from tests.integration.edge_agent.conftest import assert_stored_once
from tests.integration.ingest.conftest import Edge, RunningIngest
from tests.unit.edge_agent import test_gases


@pytest.mark.usefixtures("_impatient")
def test_broker_and_ingest_killed(
    broker: PrivateMosquitto, conn: Connection, ingest: RunningIngest, tmp_path: Path
) -> None:
    with Running(broker.url(STATION), tmp_path / "state", Numbers(0.005)) as agent:
        agent.wait_made(200)
        ingest.kill()
        agent.wait_made(400)
        broker.kill()  # with all it had acknowledged and ingest had not fetched
        time.sleep(0.3)
        broker.start()
        ingest.start()
        agent.wait_made(600)
        outcome = desk.drain(agent.folder, 180)
    made = agent.sampling.made
    assert outcome["drained"], outcome
    assert outcome["produced"] == outcome["acknowledged"] == made + 1
    assert_stored_once(conn, made)


def test_zero_and_span_readings_are_series_of_their_own_in_the_database(
    broker: PrivateMosquitto, database: str, tmp_path: Path
) -> None:
    found = test_gases.station(tmp_path)
    with connect(database, "test") as conn:
        network = load_network(tmp_path / "configs")
        apply_network(conn, replace(network, stations={found.station: found}), "an", datetime.now(UTC))
        ingest = RunningIngest(database, broker, tmp_path / "ingest.log")
        ingest.start()
        edge = Edge(broker, found.station)
        for seq, record in enumerate(test_gases.records_of_a_check(found), 1):
            readings = [(name, value, state.word) for name, value, state in record.readings]
            edge.send(Message("9f31c2ab", seq, record.t_ms, readings, []))
        query = "select channel, value, state, quality from v_reading where raw_value is not null order by channel"
        eventually(lambda: len(conn.execute(query).fetchall()) == 3)
        rows = {row[0].partition("/")[2]: row[1:] for row in conn.execute(query).fetchall()}
        edge.session.stop()
        ingest.stop()
    air, zero, span = (rows[name] for name in ("so2", "so2_zero", "so2_span"))
    assert zero[0] == pytest.approx(0.3 / 5.0 * air[0])
    assert span[0] == pytest.approx(400.0 / 5.0 * air[0])
    assert {row[1:] for row in (zero, span)} == {("ok", 1)}, "no spike test waits for them"
