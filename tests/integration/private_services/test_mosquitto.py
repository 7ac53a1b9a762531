"""The private broker keeps its promises: persistence, passwords, access list, loopback only."""

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from quantrac.private_services import ports
from quantrac.private_services.mosquitto import PrivateMosquitto
from tests.integration.private_services.listening import addresses_of

NOT_AUTHORIZED = 0x87  # MQTT 5, 3.4.2.1
WAIT_S = 180
Join = Callable[..., "Person"]


class Person:
    """A client with a durable session that notes what it is told."""

    def __init__(self, url: str, *, name: str, password: str | None = None) -> None:
        where = urlsplit(url)
        self.got: list[tuple[str, bytes]] = []
        self.arrived = threading.Event()
        self.connected = threading.Event()
        self.refusal = 0
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
        self.client.username_pw_set(where.username, password or where.password)
        self.client.on_message = self._on_message
        self.client.on_connect = self._on_connect
        expiry = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        expiry.SessionExpiryInterval = 3600
        self.client.connect(where.hostname or "", where.port or 0, clean_start=False, properties=expiry)
        self.client.loop_start()
        assert self.connected.wait(WAIT_S)

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self.refusal = reason.value
        self.connected.set()

    def _on_message(self, client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))
        self.arrived.set()

    def subscribe(self, topic: str) -> int:
        codes: queue.Queue[ReasonCode] = queue.Queue()
        self.client.on_subscribe = lambda c, u, mid, reasons, p: codes.put(reasons[0])
        self.client.subscribe(topic, 1)
        return int(codes.get(timeout=WAIT_S).value)

    def publish(self, topic: str, payload: bytes = b"{}", *, retain: bool = False) -> int:
        """Publish at QoS 1 and return the reason code of the PUBACK."""
        codes: queue.Queue[ReasonCode] = queue.Queue()
        self.client.on_publish = lambda c, u, mid, reason, p: codes.put(reason)
        self.client.publish(topic, payload, 1, retain)
        return int(codes.get(timeout=WAIT_S).value)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def person(broker: PrivateMosquitto) -> Iterator[Join]:
    made: list[Person] = []

    def join(user: str, **options: Any) -> Person:
        made.append(Person(broker.url(user), name=options.pop("name", f"test-{user}"), **options))
        return made[-1]

    yield join
    for one in made:
        one.leave()


def test_it_listens_on_the_loopback_address_only(broker: PrivateMosquitto) -> None:
    assert addresses_of(broker.pid) == {("127.0.0.1", broker.port)}


def test_a_station_speaks_for_itself_and_never_for_another(person: Join) -> None:
    ingest, station = person("ingest"), person("st-my-thanh")
    ingest.subscribe("quantrac/v1/+/readings")
    assert station.publish("quantrac/v1/st-tran-de/readings", b"lie") == NOT_AUTHORIZED
    assert station.publish("quantrac/v1/st-my-thanh/ack", b"lie") == NOT_AUTHORIZED
    assert station.publish("quantrac/v1/st-my-thanh/readings", b"truth") == 0
    assert ingest.arrived.wait(WAIT_S)
    assert ingest.got == [("quantrac/v1/st-my-thanh/readings", b"truth")]


def test_a_station_hears_its_own_acknowledgements_and_not_its_neighbours(person: Join) -> None:
    ingest, station = person("ingest"), person("st-my-thanh")
    station.subscribe("quantrac/v1/#")
    assert ingest.publish("quantrac/v1/st-tran-de/ack") == 0
    assert ingest.publish("quantrac/v1/st-my-thanh/ack", b"yours") == 0
    assert station.arrived.wait(WAIT_S)
    assert station.got == [("quantrac/v1/st-my-thanh/ack", b"yours")]


def test_ingest_acknowledges_but_sends_no_readings(person: Join) -> None:
    ingest = person("ingest")
    assert ingest.publish("quantrac/v1/st-my-thanh/readings") == NOT_AUTHORIZED


def test_a_wrong_password_and_no_password_are_refused(person: Join, broker: PrivateMosquitto) -> None:
    assert person("st-my-thanh", password="guess").refusal in {NOT_AUTHORIZED, 0x86}


def test_a_clean_restart_keeps_the_port_the_sessions_and_their_messages(person: Join, broker: PrivateMosquitto) -> None:
    ingest, port = person("ingest"), broker.port
    ingest.subscribe("quantrac/v1/+/readings")
    ingest.leave()
    person("st-my-thanh").publish("quantrac/v1/st-my-thanh/readings", b"kept")
    broker.stop()
    broker.start()
    assert broker.port == port
    again = person("ingest")
    assert again.arrived.wait(WAIT_S)
    assert again.got == [("quantrac/v1/st-my-thanh/readings", b"kept")]


def test_after_a_kill_it_starts_again_at_the_same_place_with_what_was_saved(
    person: Join, broker: PrivateMosquitto
) -> None:
    station = person("st-my-thanh")
    station.publish("quantrac/v1/st-my-thanh/birth", b"born", retain=True)
    broker.stop()
    broker.start()
    port, url = broker.port, broker.url("ingest")
    broker.kill()
    assert not ports.answers(port)
    broker.start()
    assert broker.url("ingest") == url
    ingest = person("ingest")
    ingest.subscribe("quantrac/v1/+/birth")
    assert ingest.arrived.wait(WAIT_S)
    assert ingest.got == [("quantrac/v1/st-my-thanh/birth", b"born")]


def test_passwords_are_random_and_only_hashes_reach_the_password_file(broker: PrivateMosquitto) -> None:
    words = {broker.password(user) for user in ("ingest", "console", "st-my-thanh")}
    assert len(words) == 3
    text = Path(broker.folder, "passwords").read_text()
    assert not any(word in text for word in words)
    assert Path(broker.folder, "passwords").stat().st_mode & 0o077 == 0
