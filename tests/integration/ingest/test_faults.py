"""Ingest, broker and database are killed while stations publish: nothing is lost, nothing counted twice."""

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from quantrac.mqtt import Outcome, QueueFullError
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from quantrac.telemetry import topics, wire
from tests.fixtures.timing import ended, eventually
from tests.integration.ingest.conftest import Edge, RunningIngest, away
from tests.integration.ingest.test_books import book
from tests.integration.ingest.test_path import message

pytestmark = pytest.mark.faults

AGAIN_S = 1.5
"""An edge waits 60 s before it sends again; the tests have less patience."""


class PatientEdge(Edge):
    """Sends every message again until an ack calls it settled."""

    def __init__(self, broker: PrivateMosquitto, station: str, messages: int) -> None:
        super().__init__(broker, station)
        self.payloads = {seq: wire.encode(message(seq, ("do", seq / 7, "ok"), ("ph", None, "comm"))) for seq in
                         range(1, messages + 1)}  # fmt: skip
        self._published_at: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def _send_all(self) -> None:
        while not self._stop.is_set():
            for seq in sorted(self.unsettled()):
                now = time.monotonic()
                if self._stop.is_set() or now - self._published_at.get(seq, -10.0) < AGAIN_S:
                    continue
                try:
                    self.session.publish(topics.topic(self.station, "readings"), self.payloads[seq])
                except QueueFullError:
                    break
                self._published_at[seq] = now
                if seq % 50 == 0:
                    time.sleep(0.02)
            time.sleep(0.05)

    def unsettled(self) -> set[int]:
        """What the newest ack does not call settled."""
        settled = self.acks[-1].epochs.get("e1") if self.acks else None
        if settled is None:
            return set(self.payloads)
        missing = {seq for low, high in settled.missing for seq in range(low, high + 1)}
        return {seq for seq in self.payloads if seq > settled.upto} | missing

    def stop(self) -> None:
        self._stop.set()
        ended(self._thread)
        self.session.stop()


MESSAGES = 3000


@pytest.fixture
def patient(broker: PrivateMosquitto, ingest: RunningIngest) -> Iterator[PatientEdge]:
    edge = PatientEdge(broker, "st-test", MESSAGES)
    yield edge
    edge.stop()


def assert_whole(conn: psycopg.Connection, edge: PatientEdge) -> None:
    """Everything is settled, stored once, and both books balance."""
    eventually(lambda: not edge.unsettled(), 180)
    counted = book(conn)
    assert (counted["highest_seq"], counted["stored"]) == (MESSAGES, MESSAGES)
    assert (counted["dead"], counted["lost"], counted["missing"], counted["conflict"]) == (0, 0, 0, 0)
    assert counted["received"] == counted["new"] + counted["duplicate"]
    assert counted["new"] == MESSAGES
    assert conn.execute("select count(*), count(value) from v_reading").fetchone() == (2 * MESSAGES, MESSAGES)
    assert conn.execute("select sum(rows) from change where cause = 'reading'").fetchone() == (2 * MESSAGES,)
    newest = conn.execute("select max(time) from reading").fetchone()
    assert conn.execute("select time from v_latest").fetchone() == newest


def stored(conn: psycopg.Connection) -> int:
    return book(conn)["stored"]


def test_ingest_killed_in_mid_batch(patient: PatientEdge, network: psycopg.Connection, ingest: RunningIngest) -> None:
    for share in (0.1, 0.4, 0.7):
        eventually(lambda: stored(network) >= MESSAGES * share)
        ingest.kill()
        ingest.start()
    assert_whole(network, patient)


def test_broker_killed_before_it_saved_anything(
    patient: PatientEdge, network: psycopg.Connection, ingest: RunningIngest, broker: PrivateMosquitto
) -> None:
    for share in (0.2, 0.6):
        eventually(lambda: stored(network) >= MESSAGES * share)
        broker.kill()
        time.sleep(0.3)
        broker.start()
    assert_whole(network, patient)


def test_every_connection_of_ingest_to_the_database_cut(
    patient: PatientEdge, network: psycopg.Connection, ingest: RunningIngest
) -> None:
    cut = (
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'quantrac ingest' and datname = current_database()"
    )
    for share in (0.1, 0.3, 0.5, 0.7):
        eventually(lambda: stored(network) >= MESSAGES * share)
        network.execute(cut)
    assert_whole(network, patient)
    assert '"database_failed"' in ingest.log.read_text()


def test_a_database_that_is_away_is_waited_for_and_the_broker_keeps_the_rest(
    edge: Edge, network: psycopg.Connection, database: str, postgres: PrivatePostgres, ingest: RunningIngest
) -> None:
    with away(postgres, network.info.dbname):
        edge.send(message(1))
        eventually(lambda: '"database_failed"' in ingest.log.read_text())
        edge.send(message(2))
        time.sleep(0.5)
    with psycopg.connect(database, autocommit=True) as conn:
        eventually(lambda: stored(conn) == 2)
    eventually(lambda: edge.upto("e1") == 2)


def test_an_acknowledgement_of_an_older_connection_is_dropped(
    edge: Edge, network: psycopg.Connection, broker: PrivateMosquitto
) -> None:
    """After a lost session the broker numbers from 1 again; a late PUBACK would settle another message unseen."""
    with network.transaction():
        network.execute("lock table latest in exclusive mode")
        edge.send(message(1))
        eventually(lambda: waits_for_a_lock(network))  # ingest holds the message in an open transaction
        broker.kill()
        broker.start()
        eventually(lambda: published(edge, 2))
    eventually(lambda: book(network)["stored"] == 2)


def waits_for_a_lock(conn: psycopg.Connection) -> bool:
    found = conn.execute(
        "select from pg_stat_activity where application_name = 'quantrac ingest' and wait_event_type = 'Lock'"
        " and datname = current_database()"
    )
    return found.rowcount > 0


def published(edge: Edge, seq: int) -> bool:
    """Publish once more unless it was taken by a subscriber; ingest may not be back yet."""
    before = len(edge.settled)
    edge.session.publish(topics.topic(edge.station, "readings"), wire.encode(message(seq)))
    eventually(lambda: len(edge.settled) > before)
    return edge.settled[-1].outcome is Outcome.DELIVERED
