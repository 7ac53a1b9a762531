"""Of several processes of ingest one serves and the others stand by; when it dies, one of them takes over."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from ingest.workers.worker import SESSION
from quantrac.mqtt import MqttAddress, Outcome, Session
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry import topics, wire
from tests.fixtures.timing import ended, eventually, quickest
from tests.integration.ingest.conftest import STATIONS, Edge, RunningIngest
from tests.integration.ingest.test_path import message

Start = Callable[[], RunningIngest]
STANDS_BY = '"event": "standby_started"'


@pytest.fixture
def start(network: psycopg.Connection, ingest_url: str, broker: PrivateMosquitto, tmp_path: Path) -> Iterator[Start]:
    """Start a process of ingest that may have to stand by."""
    running: list[RunningIngest] = []

    def one() -> RunningIngest:
        ingest = RunningIngest(ingest_url, broker, tmp_path / f"ingest-{len(running)}.log")
        running.append(ingest)
        ingest.start(wait=False)
        return ingest

    yield one
    assert {each.stop() for each in running} <= {0, -9}


def pair(start: Start) -> tuple[RunningIngest, RunningIngest]:
    """One that serves and one that stands by."""
    serving = begun_to_serve(start())
    return serving, begun_to_stand_by(start())


def stood_by(ingest: RunningIngest) -> int:
    """How often it has stood by, by its log."""
    return ingest.log.read_text().count(STANDS_BY)


def begun_to_stand_by(ingest: RunningIngest, before: int = 0) -> RunningIngest:
    eventually(lambda: stood_by(ingest) > before)
    return ingest


def begun_to_serve(ingest: RunningIngest, before: int = 0) -> RunningIngest:
    eventually(lambda: ingest.subscriptions() > before)
    return ingest


def test_a_standby_leaves_the_broker_alone_until_it_takes_over(
    start: Start, network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    serving, standby = pair(start)
    edge = Edge(broker, "st-test")
    edge.send(message(1))
    eventually(lambda: edge.upto("e1") == 1)
    assert "mqtt_connected" not in standby.log.read_text()
    eventually(lambda: network.execute("select count(*) from v_service where service = 'ingest'").fetchone() == (1,))
    serving.kill()
    begun_to_serve(standby)
    edge.send(message(2))
    eventually(lambda: edge.upto("e1") == 2)
    edge.session.stop()


def test_a_session_that_another_client_takes_is_a_breach_and_a_standby_that_takes_over_is_none(
    start: Start, network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    breaches = "select station, kind, detail from v_breach"
    serving, standby = pair(start)
    serving.kill()
    begun_to_serve(standby)
    assert network.execute(breaches).fetchall() == []
    thief = Session(MqttAddress.parse(broker.url("ingest")), SESSION, expiry_s=0, receive_maximum=1)
    thief.start()
    eventually(lambda: network.execute(breaches).fetchall() == [(None, "session_taken", f"session {SESSION}")])
    thief.stop()


@pytest.mark.timed
def test_a_standby_has_taken_over_within_three_seconds(start: Start) -> None:
    def take_over() -> float:
        serving, standby = pair(start)
        serving.kill()
        began = time.monotonic()
        begun_to_serve(standby)
        took_s = time.monotonic() - began
        standby.kill()
        return took_s

    assert quickest(take_over, 3) < 3


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
                edge.session.publish(topics.topic(edge.station, "readings"), wire.encode(message(self.seq)))

    def end(self) -> int:
        """Stop, wait for every PUBACK, and return the last seq; each message has reached the session of ingest."""
        self._stop.set()
        ended(self._thread)
        for edge in self._edges.values():
            eventually(lambda: len(edge.settled) == self.seq)
            assert {each.outcome for each in edge.settled} == {Outcome.DELIVERED}
        return self.seq


def test_what_is_published_once_is_stored_once_whoever_is_killed(
    start: Start, network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    """What a dead process had not acknowledged waits in its session, which the next one takes over."""
    first, second = pair(start)
    edges = {station: Edge(broker, station) for station in STATIONS}
    stream = Stream(edges)
    try:
        for dead, heir in ((first, second), (second, first), (first, second)):
            seq, served, stood = stream.seq, heir.subscriptions(), stood_by(dead)
            eventually(lambda: stream.seq > seq + 30)
            dead.kill()
            begun_to_serve(heir, served)
            dead.start(wait=False)
            begun_to_stand_by(dead, stood)
    finally:
        last = stream.end()
    books = "select station, stored, missing, received - new - duplicate, rejected, conflict from v_ledger order by 1"
    eventually(
        lambda: network.execute(books).fetchall() == [(station, last, 0, 0, 0, 0) for station in sorted(STATIONS)]
    )
    expected = [(f"{station}/do", last) for station in sorted(STATIONS)]
    counted = "select channel, count(*) from v_reading group by channel order by channel"
    assert network.execute(counted).fetchall() == expected
    announced = (
        "select channel, sum(rows)::int8 from change join channel on channel_id = any(channels)"
        " group by channel order by channel"
    )
    assert network.execute(announced).fetchall() == expected
    for edge in edges.values():
        edge.session.stop()
