"""What goes over the line, byte by byte, against a broker of a few lines that does as it is told (MQTT 5, OASIS)."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import pytest

from quantrac.backoff import Backoff
from quantrac.mqtt import MqttAddress, QueueFullError, Session, Subscription, Will
from quantrac.mqtt.session import MOST_WAITING
from tests.fixtures.timing import eventually

CONNECT, PUBLISH, SUBSCRIBE = 1, 3, 8
SESSION_EXPIRY, WILL_DELAY, RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE = 0x11, 0x18, 0x21, 0x27
"""Identifiers of properties (2.2.2.2)."""


class Packet(NamedTuple):
    kind: int
    flags: int
    body: bytes


class ToldBroker:
    """Accepts connections, keeps the packets it gets, answers CONNECT and SUBSCRIBE, and PUBACKs when told to."""

    def __init__(self, receive_maximum: int = 65_535) -> None:
        self.packets: list[Packet] = []
        self._connack = bytes([0x20, 6, 0, 0, 3, RECEIVE_MAXIMUM]) + struct.pack("!H", receive_maximum)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._line: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"

    def of(self, kind: int) -> list[Packet]:
        return [packet for packet in self.packets if packet.kind == kind]

    def puback(self, publish: Packet) -> None:
        topic = struct.unpack_from("!H", publish.body)[0]
        assert self._line is not None
        self._line.sendall(b"\x40\x02" + publish.body[2 + topic : 4 + topic])

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._line is not None:
            self._line.close()

    def wants_more(self) -> bool:
        """Whether it goes on reading after the packet it has just got."""
        return True

    def _serve(self) -> None:
        with suppress(OSError, ValueError):  # the session may leave without a word, or never come
            while True:
                self._line, _ = self._listener.accept()
                with self._line, self._line.makefile("rb") as stream:
                    while first := stream.read(1):
                        self.packets.append(
                            Packet(first[0] >> 4, first[0] & 15, stream.read(variable_length(stream.read)))
                        )
                        self._answer(self._line, self.packets[-1])
                        if not self.wants_more():
                            break

    def _answer(self, line: socket.socket, packet: Packet) -> None:
        if packet.kind == CONNECT:
            line.sendall(self._connack)
        elif packet.kind == SUBSCRIBE:
            line.sendall(b"\x90\x04" + packet.body[:2] + b"\x00\x01")


def variable_length(read: Callable[[int], bytes]) -> int:
    """Variable byte integer (1.5.5)."""
    value = shift = 0
    while True:
        (byte,) = read(1)
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value


def properties(data: bytes) -> tuple[dict[int, int], int]:
    """Properties of four or two bytes at the beginning of `data`, and where what follows them starts."""
    length, at, found = data[0], 1, {}
    while at <= length:
        identifier = data[at]
        width = 4 if identifier in (SESSION_EXPIRY, WILL_DELAY, MAXIMUM_PACKET_SIZE) else 2
        found[identifier] = int.from_bytes(data[at + 1 : at + 1 + width])
        at += 1 + width
    return found, at


@pytest.fixture
def broker() -> Iterator[ToldBroker]:
    told = ToldBroker(receive_maximum=3)
    yield told
    told.close()


def session(broker: ToldBroker) -> Session:
    return Session(
        MqttAddress.parse(broker.url), "edge", expiry_s=86_400, receive_maximum=50,
        subscriptions=[Subscription("a/b")], will=Will("a/status", b"{}"),
    )  # fmt: skip


def test_the_first_connect_asks_for_a_session_that_lasts_and_bounds_no_packet(broker: ToldBroker) -> None:
    """With Maximum Packet Size a broker drops what is larger, in silence (3.1.2.11.4)."""
    party = session(broker)
    party.start()
    eventually(lambda: broker.of(CONNECT))
    party.stop(0)
    body = broker.of(CONNECT)[0].body
    assert body[:7] == b"\x00\x04MQTT\x05"
    flags, clean_start, will, will_qos_1, will_retained = body[7], 0b10, 0b100, 0b1000, 0b100000
    assert not flags & clean_start
    assert flags & (will | will_qos_1 | will_retained) == will | will_qos_1 | will_retained
    asked, end = properties(body[10:])
    assert asked == {SESSION_EXPIRY: 86_400, RECEIVE_MAXIMUM: 50}
    assert MAXIMUM_PACKET_SIZE not in asked
    client_id = 10 + end
    of_will, _ = properties(body[client_id + 2 + len("edge") :])
    assert of_will[WILL_DELAY] == 30


def test_no_more_is_in_flight_than_the_broker_takes(broker: ToldBroker) -> None:
    """paho itself has no notion of Receive Maximum: more than that is a protocol error (3.3.4)."""
    party = session(broker)
    party.start()
    assert party.wait_subscribed(60)
    for number in range(10):
        party.publish("a/readings", b"%d" % number)
    for answered in range(7):
        eventually(lambda: len(broker.of(PUBLISH)) == 3 + answered)
        eventually(lambda: party.outstanding == 10 - answered)
        broker.puback(broker.of(PUBLISH)[answered])
    eventually(lambda: len(broker.of(PUBLISH)) == 10)
    eventually(lambda: party.outstanding == 3)
    party.stop(0)


def test_more_than_a_session_keeps_is_refused_at_once(broker: ToldBroker) -> None:
    """paho refuses more than 65,535 by a return code that nobody reads."""
    party = session(broker)
    for _ in range(MOST_WAITING):
        party.publish("a/readings", b"x")
    with pytest.raises(QueueFullError, match="wait to be published"):
        party.publish("a/readings", b"x")


class FickleBroker(ToldBroker):
    """Accepts every CONNECT, and hangs up: at once, or after the first message, which it takes."""

    def __init__(self, *, takes_one: bool) -> None:
        self._takes_one = takes_one
        super().__init__()

    def wants_more(self) -> bool:
        if self.packets[-1].kind == PUBLISH:
            self.puback(self.packets[-1])
            return False
        return self._takes_one


@pytest.mark.parametrize("takes_one", [False, True])
def test_a_broker_that_accepts_and_hangs_up_is_asked_less_and_less_often_unless_it_takes_messages(
    *, takes_one: bool
) -> None:
    broker, backoff = FickleBroker(takes_one=takes_one), Backoff(first_s=0.001, longest_s=0.05)
    fickle = Session(
        MqttAddress.parse(broker.url), "fickle", expiry_s=0, receive_maximum=10, backoff=backoff,
        on_connect=lambda _: fickle.publish("t", b"x"),
    )  # fmt: skip
    fickle.start()
    try:
        eventually(lambda: len(broker.of(CONNECT)) >= 6)
        assert (backoff.failures >= 5) is not takes_one
    finally:
        fickle.stop(drain_s=0)
        broker.close()
