"""Workers divide the stations; killed, added and taken away they lose nothing and count nothing twice."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from quantrac.mqtt import Outcome
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry import topics, wire
from tests.integration.ingest.conftest import STATIONS, Edge, RunningIngest, add_channel, add_station, eventually
from tests.integration.ingest.test_path import T, message

Start = Callable[..., RunningIngest]


@pytest.fixture
def start(network: psycopg.Connection, database: str, broker: PrivateMosquitto, tmp_path: Path) -> Iterator[Start]:
    """Start a process of ingest that is told of two slots, or of more."""
    running: list[RunningIngest] = []

    def one(slots: int = 2) -> RunningIngest:
        ingest = RunningIngest(database, broker, tmp_path / f"ingest-{len(running)}.log")
        running.append(ingest)
        ingest.start(wait=False, QUANTRAC_INGEST_WORKERS=str(slots))
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


def divided(conn: psycopg.Connection, *ingests: RunningIngest) -> bool:
    """Whether each station has its slot, and slot 0 is not sent everything any more."""
    rows = conn.execute("select station, slot, subscribed, leaves from ingest_lease order by station").fetchall()
    narrow = any('"fewer": ["quantrac/v1/+/backfill"' in each.log.read_text() for each in ingests)
    return rows == [("st-my-thanh", 0, True, None), ("st-test", 1, True, None)] and narrow


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


def test_a_process_serves_all_slots_leaves_one_to_a_second_and_takes_it_over_from_a_dead_one(
    start: Start, edges: dict[str, Edge], network: psycopg.Connection
) -> None:
    first = start()
    eventually(lambda: serves(first, 0) and serves(first, 1) and divided(network, first))
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
    twice = "select duplicate from v_ledger where station = 'st-test'"
    before = network.execute(twice).fetchone()
    second.kill()
    send_all(edges["st-test"], 101, 130)  # it waits in the dead one's session
    eventually(lambda: len(edges["st-test"].settled) == 130)
    assert {each.outcome for each in edges["st-test"].settled} == {Outcome.DELIVERED}
    eventually(lambda: serves(first, 1))
    eventually(lambda: books(network)["st-test"] == (130, 0, 0, 0, 0))
    assert network.execute(twice).fetchone() == before
    in_order = network.execute(
        "select bool_and(o) from (select received_at >= lag(received_at) over (order by time) o"
        " from v_reading where station = 'st-test') x where o is not null"
    ).fetchone()
    assert in_order == (True,)
    workers = "select from v_service where service = 'ingest' and connected"
    eventually(lambda: network.execute(workers).rowcount >= 2)


def test_slot_0_hears_strangers_and_everything_while_the_broker_knows_no_other_session(
    start: Start, edges: dict[str, Edge], network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    first = start()
    eventually(lambda: divided(network, first) and serves(first, 1))
    stranger = Edge(broker, "st-tran-de")
    birth = wire.Birth(epoch="e1", epochs={}, t=T, agent="1", config="x", channels=[])
    stranger.session.publish(topics.topic("st-tran-de", "birth"), wire.encode(birth), retain=True)
    reasons = "select topic, reason from v_dead_letter order by topic"
    eventually(lambda: network.execute(reasons).fetchall() == [("quantrac/v1/st-tran-de/birth", "unknown_station")])
    lease = "select slot, subscribed from ingest_lease where station = 'st-tran-de'"
    eventually(lambda: network.execute(lease).fetchall() == [(0, True)])
    stranger.send(message(1))
    eventually(lambda: [row[0] for row in network.execute(reasons).fetchall()]
               == ["quantrac/v1/st-tran-de/birth", "quantrac/v1/st-tran-de/readings"])  # fmt: skip
    stranger.session.stop()
    network.execute("delete from ingest_lease where station = 'st-tran-de'")
    broker.kill()
    broker.start()
    eventually(lambda: first.log.read_text().count('"broker_lost_session"') == 2)
    eventually(lambda: all(edge.session.subscribed for edge in edges.values()))
    for edge in edges.values():
        edge.send(message(1))
    eventually(lambda: all(books(network).get(station) == (1, 0, 0, 0, 0) for station in STATIONS))
    eventually(lambda: divided(network, first))


class Stream:
    """Stations that publish without a pause, each message once."""

    def __init__(self, edges: dict[str, Edge]) -> None:
        self._edges = edges
        self.seq = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.02):
            self.seq += 1
            for edge in self._edges.values():
                send_all(edge, self.seq, self.seq)

    def end(self) -> int:
        """Stop, wait for every PUBACK, and return the last seq; each message has reached a session of ingest."""
        self._stop.set()
        self._thread.join()
        for edge in self._edges.values():
            eventually(lambda edge=edge: len(edge.settled) == self.seq)
            assert {each.outcome for each in edge.settled} == {Outcome.DELIVERED}
        return self.seq


FOUR = (*STATIONS, "st-tran-de", "st-vinh-chau")


def held(conn: psycopg.Connection) -> list[tuple[int, int]]:
    """Slots and how many stations are at rest there."""
    return conn.execute("select slot, stations - arriving from v_ingest_slot where leaving = 0 order by 1").fetchall()


def test_stations_move_to_new_slots_and_back_while_they_send_and_workers_are_killed(
    start: Start, network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    """No message is published twice here and none may be lost: the broker always has a session of ingest for it."""
    for station in FOUR[2:]:
        add_station(network, station)
        add_channel(network, station, "do")
    edges = {station: Edge(broker, station) for station in FOUR}
    first = start(slots=1)
    eventually(lambda: first.subscriptions() >= 1)
    stream = Stream(edges)
    try:
        second = start(slots=3)  # it says that there are three now
        eventually(lambda: network.execute("select true from ingest_lease where subscribed and slot > 0").fetchone())
        second.kill()  # in the midst of it
        second.start(wait=False, QUANTRAC_INGEST_WORKERS="3")
        eventually(lambda: sorted(count for _, count in held(network)) == [1, 1, 2])
        second.kill()  # for good: only one is wanted now
        eventually(lambda: network.execute("select slot, stations from v_ingest_slot").fetchall() == [(0, 0)])
        eventually(lambda: stream.seq > 100)
    finally:
        last = stream.end()
        for edge in edges.values():
            edge.session.stop()
    eventually(lambda: books(network) == dict.fromkeys(FOUR, (last, 0, 0, 0, 0)))
    expected = [(f"{station}/do", last) for station in FOUR]
    counted = "select channel, count(*) from v_reading group by channel order by channel"
    assert network.execute(counted).fetchall() == expected
    told = (
        "select channel, sum(rows)::int8 from change join channel using (channel_id) group by channel order by channel"
    )
    assert network.execute(told).fetchall() == expected
    assert {f'"slot_closed", "slot": {slot}' in first.log.read_text() for slot in (1, 2)} == {True}
