"""Two workers divide the stations; killed at random they lose nothing, count nothing twice, and keep the order."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from quantrac.mqtt import Outcome
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry import topics, wire
from tests.integration.ingest.conftest import STATIONS, Edge, RunningIngest, eventually
from tests.integration.ingest.test_path import message

Start = Callable[[], RunningIngest]


@pytest.fixture
def start(network: psycopg.Connection, database: str, broker: PrivateMosquitto, tmp_path: Path) -> Iterator[Start]:
    """Start a process of ingest that knows of two slots."""
    running: list[RunningIngest] = []

    def one() -> RunningIngest:
        ingest = RunningIngest(database, broker, tmp_path / f"ingest-{len(running)}.log")
        running.append(ingest)
        ingest.start(wait=False, QUANTRAC_INGEST_WORKERS="2")
        return ingest

    yield one
    for each in running:
        each.stop()


@pytest.fixture
def edges(broker: PrivateMosquitto) -> Iterator[dict[str, Edge]]:
    both = {station: Edge(broker, station) for station in STATIONS}
    yield both
    for each in both.values():
        each.session.stop()


def divided(conn: psycopg.Connection) -> bool:
    return conn.execute("select station, slot, subscribed from ingest_lease").fetchall() == [("st-test", 1, True)]


def serves(ingest: RunningIngest, slot: int) -> bool:
    """Whether the process serves a slot now, by its log."""
    text = ingest.log.read_text()
    begun, ended = (text.count(f'"event": "{word}", "slot": {slot}') for word in ("serves", "serves_no_more"))
    return begun > ended


def books(conn: psycopg.Connection) -> dict[str, tuple[int, ...]]:
    rows = conn.execute(
        "select station, stored, missing, received - new - duplicate, rejected, conflict from v_ledger"
    ).fetchall()
    return {row[0]: row[1:] for row in rows}


def send_all(edge: Edge, first: int, last: int) -> None:
    """Publish without waiting for each PUBACK."""
    for seq in range(first, last + 1):
        edge.session.publish(topics.topic(edge.station, "readings"), wire.encode(message(seq)))


def test_a_single_process_serves_both_slots_and_leaves_one_to_a_second(
    start: Start, edges: dict[str, Edge], network: psycopg.Connection
) -> None:
    first = start()
    eventually(lambda: serves(first, 0) and serves(first, 1) and divided(network))
    for edge in edges.values():
        send_all(edge, 1, 50)
    eventually(lambda: books(network) == dict.fromkeys(STATIONS, (50, 0, 0, 0, 0)))
    second = start()
    eventually(lambda: serves(second, 1) and not serves(first, 1))
    for edge in edges.values():
        send_all(edge, 51, 100)
    eventually(lambda: books(network) == dict.fromkeys(STATIONS, (100, 0, 0, 0, 0)))
    for station in STATIONS:
        eventually(lambda station=station: edges[station].upto("e1") == 100)
    second.kill()
    eventually(lambda: serves(first, 1), 8)
    send_all(edges["st-test"], 101, 150)
    eventually(lambda: books(network)["st-test"] == (150, 0, 0, 0, 0))
    workers = network.execute("select count(*) from v_service where service = 'ingest' and connected").fetchone()
    assert workers is not None
    assert workers[0] >= 2


def test_what_waits_in_a_dead_workers_session_is_stored_by_the_one_that_takes_over(
    start: Start, edges: dict[str, Edge], network: psycopg.Connection
) -> None:
    first = start()
    eventually(lambda: divided(network))
    second = start()
    eventually(lambda: serves(second, 1) and not serves(first, 1))
    second.kill()
    for seq in range(1, 31):
        edges["st-test"].session.publish("quantrac/v1/st-test/readings", wire.encode(message(seq)))
    eventually(lambda: len(edges["st-test"].settled) == 30)
    assert {each.outcome for each in edges["st-test"].settled} == {Outcome.DELIVERED}
    eventually(lambda: books(network).get("st-test") == (30, 0, 0, 0, 0))
    assert network.execute("select duplicate from v_ledger where station = 'st-test'").fetchone() == (0,)
    in_order = network.execute("select bool_and(o) from (select received_at >= lag(received_at) over (order by time) o"
                               " from v_reading) x where o is not null").fetchone()  # fmt: skip
    assert in_order == (True,)


def test_slot_0_also_hears_stations_that_no_file_names(
    start: Start, network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    start()
    eventually(lambda: divided(network))
    stranger = Edge(broker, "st-tran-de")
    try:
        stranger.send(message(1))
        eventually(lambda: network.execute("select reason, count from v_dead_letter").fetchall()
                   == [("unknown_station", 1)])  # fmt: skip
    finally:
        stranger.session.stop()


def test_slot_0_keeps_everything_while_the_broker_knows_no_other_session(
    start: Start, edges: dict[str, Edge], network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    first = start()
    eventually(lambda: divided(network) and serves(first, 1))
    broker.kill()
    broker.start()
    eventually(lambda: first.log.read_text().count('"broker_lost_session"') == 2)
    eventually(lambda: all(edge.session.subscribed for edge in edges.values()))
    for edge in edges.values():
        edge.send(message(1))
    eventually(lambda: books(network) == dict.fromkeys(STATIONS, (1, 0, 0, 0, 0)))
    eventually(lambda: divided(network))
