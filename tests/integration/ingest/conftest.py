"""A small network in the database, ingest as its own process, and stations that publish as edges do."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from quantrac.mqtt import Delivery, MqttAddress, Outcome, Session, SettledPublish, Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import Ack
from tests.fixtures.timing import eventually

SUBSCRIBED = (
    '"mqtt_subscribed", "client_id": "quantrac-ingest", ',
    '"mqtt_subscribed", "client_id": "quantrac-ingest-pictures"',
)
"""In the log: ingest hears the stations, and their cameras."""
STATIONS = ("st-my-thanh", "st-test")
CHANNELS = ("water_temp", "do", "ph", "salinity")


@pytest.fixture
def network(database: str) -> Iterator[psycopg.Connection]:
    """The database with two stations of four channels each."""
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        for station in STATIONS:
            add_station(conn, station)
            for name in CHANNELS:
                add_channel(conn, station, name)
        yield conn


def add_station(conn: psycopg.Connection, station: str) -> None:
    conn.execute(
        "insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)"
        " values (%s, %s, %s, '2019-01-01Z', '{}', 'x', now())",
        [station, station, station],
    )


def add_channel(conn: psycopg.Connection, station: str, name: str) -> None:
    conn.execute(
        "insert into channel (station, name, parameter, unit, kind, interval_s, span_low, span_high, plausible_low,"
        " plausible_high, expect_low, expect_high) values (%s, %s, %s, '1', 'mean', 10, -5, 80, 0, 45, 20, 35)",
        [station, name, name],
    )


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
        self._starts = 0

    def start(self, *, wait: bool = True, **env: str) -> None:
        """Start, and wait until it is subscribed."""
        self._starts += 1
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "quantrac", "ingest", "run"], env={**self._env, **env}, stderr=out
            )
        if wait:
            eventually(lambda: self.subscriptions() >= self._starts)

    def subscriptions(self) -> int:
        """How often it has subscribed, by its log."""
        text = self.log.read_text()
        return min(text.count(each) for each in SUBSCRIBED)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        if self._process is None:
            return 0
        self._process.terminate()
        return self._process.wait(180)


@pytest.fixture
def ingest(
    network: psycopg.Connection, database: str, broker: PrivateMosquitto, tmp_path: Path
) -> Iterator[RunningIngest]:
    """A running ingest."""
    running = RunningIngest(database, broker, tmp_path / "ingest.log")
    try:
        running.start()
        yield running
    finally:
        status = running.stop()
    assert status == 0, running.log.read_text()


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
            subscriptions=[Subscription(topics.topic(station, "ack"), retained_always=True)],
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
