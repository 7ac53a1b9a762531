"""A small network in the database, ingest as its own process, and stations that publish as edges do."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from quantrac.database.pool import Connection
from quantrac.mqtt import Delivery, MqttAddress, Outcome, Retained, Session, SettledPublish, Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.private_services.postgres import PrivatePostgres
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import Ack
from tests.fixtures.stations import add_channel, add_station
from tests.fixtures.timing import PATIENCE_S, eventually

SUBSCRIBED = (
    '"mqtt_subscribed", "client_id": "quantrac-ingest", ',
    '"mqtt_subscribed", "client_id": "quantrac-ingest-pictures"',
)
"""In the log: ingest hears the stations, and their cameras."""
STATIONS = ("st-my-thanh", "st-test")
CHANNELS = ("water_temp", "do", "ph", "salinity")


RANGES = {
    "span_low": -5, "span_high": 80, "plausible_low": 0, "plausible_high": 45, "expect_low": 20, "expect_high": 35
}  # fmt: skip


@pytest.fixture
def network(conn: Connection) -> Connection:
    """The database with two stations of four channels each."""
    for station in STATIONS:
        add_station(conn, station)
        for name in CHANNELS:
            add_channel(conn, station, name, interval_s=10, **RANGES)
    return conn


@pytest.fixture
def sonde(network: Connection) -> Connection:
    """The network, with one sonde of four channels at each station."""
    network.execute("update channel set device = 'sonde', interval_s = 600, history_tests = '{out_of_water,spike}'")
    return network


@pytest.fixture
def ingest_url(database: str, conn: Connection) -> str:
    """Address of the database for a user who is in the group of ingest and may do no more."""
    user = f"only_ingest_{os.getpid()}"
    if not conn.execute("select from pg_roles where rolname = %s", [user]).rowcount:
        conn.execute(f"create role {user} login password 'secret' in role quantrac_ingest")
    return f"postgresql://{user}:secret@{database.rpartition('@')[2]}"


class RunningIngest:
    """`quantrac ingest run` as its own process; killed and started again at will."""

    def __init__(self, database: str, broker: PrivateMosquitto, log: Path) -> None:
        self._env = {
            **os.environ,
            "QUANTRAC_DATABASE_URL": database,
            "QUANTRAC_MQTT_URL": broker.url("ingest"),
            "QUANTRAC_LOG": "json",
        }
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True, **env: str) -> None:
        """Start, and wait until both of its sessions are subscribed."""
        before = self._subscribed() if self.log.exists() else [0, 0]
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "quantrac", "ingest", "run"], env={**self._env, **env}, stderr=out
            )
        if wait:
            eventually(lambda: all(now > then for now, then in zip(self._subscribed(), before, strict=True)))

    def subscriptions(self) -> int:
        """How often it has subscribed, by its log."""
        return min(self._subscribed())

    def _subscribed(self) -> list[int]:
        text = self.log.read_text()
        return [text.count(each) for each in SUBSCRIBED]

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def stop(self) -> int:
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait(180)


@pytest.fixture
def ingest(network: Connection, ingest_url: str, broker: PrivateMosquitto, tmp_path: Path) -> Iterator[RunningIngest]:
    """A running ingest."""
    running = RunningIngest(ingest_url, broker, tmp_path / "ingest.log")
    try:
        running.start()
        yield running
    finally:
        status = running.stop()
    assert status == 0, running.log.read_text()


@contextmanager
def away(postgres: PrivatePostgres, database: str) -> Iterator[None]:
    """Refuse every connection to a database, and end those that there are, until the block ends."""
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute(f"alter database {database} with allow_connections false")
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database])
        yield
        admin.execute(f"alter database {database} with allow_connections true")


class Edge:
    """A station that publishes payloads and hears its acks."""

    def __init__(self, broker: PrivateMosquitto, station: str) -> None:
        self.station = station
        self.acks: list[Ack] = []
        self.settled: list[SettledPublish] = []
        self._changed = threading.Condition()
        self.session = Session(
            MqttAddress.parse(broker.url(station)),
            f"edge-{station}",
            expiry_s=3600,
            receive_maximum=100,
            subscriptions=[Subscription(topics.topic(station, "ack"), retained=Retained.ALWAYS)],
            on_message=self._heard,
            on_publish_settled=self.settled.append,
        )
        self.session.start()
        assert self.session.wait_subscribed(60)

    def _heard(self, delivery: Delivery) -> None:
        self.acks.append(wire.decode_ack(delivery.payload))
        self.session.acknowledge([(delivery.generation, delivery.mid)])

    def send(self, payload: bytes | wire.Message, kind: topics.TopicKind = "readings") -> None:
        """Publish and wait for the PUBACK."""
        data = payload if isinstance(payload, bytes) else wire.encode(payload)
        count = len(self.settled)
        self.session.publish(topics.topic(self.station, kind), data, kind)
        eventually(lambda: len(self.settled) > count)
        assert self.settled[-1].outcome in (Outcome.DELIVERED, Outcome.NO_SUBSCRIBER)

    def upto(self, epoch: str) -> int:
        """What the newest ack says of an epoch; 0 where it says nothing."""
        settled = self.acks[-1].epochs.get(epoch) if self.acks else None
        return settled.upto if settled else 0


@pytest.fixture
def edge(broker: PrivateMosquitto, ingest: RunningIngest) -> Iterator[Edge]:
    """Station st-test."""
    station = Edge(broker, "st-test")
    yield station
    station.session.stop()


@pytest.fixture
def stranger(broker: PrivateMosquitto, ingest: RunningIngest) -> Iterator[Edge]:
    """Station st-tran-de, which the broker knows and the database does not."""
    station = Edge(broker, "st-tran-de")
    yield station
    station.session.stop()
