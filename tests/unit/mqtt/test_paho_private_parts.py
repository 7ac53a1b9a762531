"""What `paho_client` relies on inside paho; a new version that moves any of it must fail here, not at a station."""

import ast
import hashlib
import inspect
import select
import socket
import struct
import time
from collections.abc import Iterator

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion, _ConnectionState

from quantrac.mqtt.paho_client import KEPT_OF_OVERSIZE, BufferedClient


@pytest.fixture
def client() -> Client:
    """A client of paho's own, never connected."""
    return Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)


@pytest.fixture
def connected(client: Client) -> Iterator[tuple[Client, socket.socket]]:
    """A client that believes in a socket, and the other end of it."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client._sock = ours
    with ours, theirs:
        yield client, theirs


def test_every_private_part_that_is_used_is_examined_here(client: Client) -> None:
    used = {
        node.attr for node in ast.walk(ast.parse(inspect.getsource(BufferedClient))) if isinstance(node, ast.Attribute)
    }
    examined = {name.removeprefix("test_paho") for name in globals() if name.startswith("test_paho_")}
    assert {name for name in used if name[0] == "_" != name[1] and hasattr(client, name)} == examined


def test_paho_sock(client: Client) -> None:
    """None until there is a connection: `loop_read` asks it."""
    assert client._sock is None


def test_paho_sock_recv(connected: tuple[Client, socket.socket]) -> None:
    client, broker = connected
    with pytest.raises(BlockingIOError):
        client._sock_recv(10)
    broker.sendall(b"abc")
    assert arrived(client)._sock_recv(10) == b"abc"
    broker.close()
    assert arrived(client)._sock_recv(10) == b""


def arrived(client: Client) -> Client:
    """The client, as soon as its socket has something to read, be it the end."""
    assert client._sock is not None
    assert select.select([client._sock], [], [], 60)[0]
    return client


def test_paho_in_packet(client: Client) -> None:
    assert client._in_packet == {
        "command": 0, "have_remaining": 0, "remaining_count": [], "remaining_mult": 1, "remaining_length": 0,
        "packet": bytearray(), "to_process": 0, "pos": 0,
    }  # fmt: skip


def test_paho_packet_handle(client: Client) -> None:
    """It takes the packet from `_in_packet`; here a PINGRESP (MQTT 5, 3.13)."""
    client._in_packet |= {"command": 0xD0, "have_remaining": 1}
    client._ping_t = 5.0
    assert client._packet_handle() is MQTTErrorCode.MQTT_ERR_SUCCESS
    assert client._ping_t == 0


def test_paho_packet_queue(client: Client) -> None:
    """It only queues, since `on_socket_register_write` is set."""
    client.on_socket_register_write = lambda *_: None
    assert client._packet_queue(0x40, b"four", 0, 1) is MQTTErrorCode.MQTT_ERR_SUCCESS
    assert [(packet["command"], packet["packet"], packet["pos"]) for packet in client._out_packet] == [
        (0x40, b"four", 0)
    ]


def test_paho_loop_rc_handle(connected: tuple[Client, socket.socket]) -> None:
    """It closes the connection and tells `on_disconnect`."""
    client, broker = connected
    told: list[str] = []
    client.on_disconnect = lambda *arguments: told.append(str(arguments[3]))
    assert client._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST) is MQTTErrorCode.MQTT_ERR_CONN_LOST
    assert (client._sock, broker.recv(1), len(told)) == (None, b"", 1)


def test_paho_last_bytes_received(connected: tuple[Client, socket.socket]) -> None:
    """By it, in seconds of `time.monotonic`, `loop_misc` knows a silent connection and asks with a ping."""
    client, _broker = connected
    client._state = _ConnectionState.MQTT_CS_CONNECTED
    client.on_socket_register_write = lambda *_: None
    client._last_msg_out = client._last_bytes_received = time.monotonic()
    client.loop_misc()
    assert len(client._out_packet) == 0
    client._last_bytes_received -= client.keepalive
    client.loop_misc()
    assert [packet["command"] for packet in client._out_packet] == [0xC0]


def test_paho_ping_t(connected: tuple[Client, socket.socket]) -> None:
    """When a ping was sent that has no answer yet, 0 where none: `loop_misc` closes a connection after `keepalive`."""
    client, _broker = connected
    client._state = _ConnectionState.MQTT_CS_CONNECTED
    client.on_socket_register_write = lambda *_: None
    client._last_msg_out = client._last_bytes_received = time.monotonic() - client.keepalive
    client._ping_t = 0.0
    client.loop_misc()
    assert client._sock is not None
    client._last_msg_out = client._last_bytes_received = client._ping_t = time.monotonic() - client.keepalive
    client.loop_misc()
    assert client._sock is None


USER_PROPERTY = b"\x26\x00\x01a\x00\xc8" + b"b" * 200
"""Of MQTT 5, 2.2.2.2: identifier, name, value."""
PROPERTIES = bytes([len(USER_PROPERTY) & 0x7F | 0x80, len(USER_PROPERTY) >> 7]) + USER_PROPERTY
"""With their length before them, a variable byte integer."""


def publish(topic: bytes, payload: bytes, mid: int, flags: int = 0, properties: bytes = b"\0") -> bytes:
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", mid) + properties + payload
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([0x32 | flags]) + bytes(digits) + body


class Closable:
    """Stands for an open socket."""

    def close(self) -> None:
        pass


class Heard:
    """A client fed by hand."""

    def __init__(self, largest: int = 1000) -> None:
        self.messages: list[tuple[bytes, bytes, int, bool, bool, int, bytes | None]] = []
        self.client = BufferedClient("t", largest_payload=largest, deliver=lambda *m: self.messages.append(m))
        self.client._sock = Closable()  # type: ignore[assignment]

    def feed(self, *pieces: bytes) -> None:
        for piece in pieces:
            assert self.client._take(piece) == MQTTErrorCode.MQTT_ERR_SUCCESS


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_packets_are_cut_out_wherever_the_socket_breaks_them(size: int) -> None:
    sent = [(b"a/b", bytes([n % 256]) * (n * 5), n, n % 2 == 1, n % 3 == 0) for n in range(1, 60)]
    stream = b"".join(publish(t, p, m, (8 if dup else 0) | (1 if retain else 0)) for t, p, m, dup, retain in sent)
    heard = Heard()
    heard.feed(*(stream[at : at + size] for at in range(0, len(stream), size)))
    assert [message[:5] for message in heard.messages] == sent


@pytest.mark.parametrize(
    ("size", "properties"),
    [(100, b"\0"), (65_536, b"\0"), (400_000, b"\0"), (100, PROPERTIES), (65_536, PROPERTIES)],
)
def test_a_payload_too_large_is_cut_hashed_and_does_not_disturb_the_next(size: int, properties: bytes) -> None:
    large = bytes(range(256)) * 1200
    stream = publish(b"a", large, 1, properties=properties) + publish(b"b", b"next", 2)
    heard = Heard()
    heard.feed(*(stream[at : at + size] for at in range(0, len(stream), size)))
    (_, payload, mid, _, _, length, sha256), (_, following, *_) = heard.messages
    assert (payload, mid, length) == (large[:KEPT_OF_OVERSIZE], 1, len(large))
    assert sha256 == hashlib.sha256(large).digest()
    assert following == b"next"


def test_messages_without_acknowledgement_are_cut_out_too() -> None:
    heard = Heard()
    heard.feed(b"\x30\x06\x00\x01a\x00xy" + publish(b"b", b"next", 7) + b"\x31\x04\x00\x01a\x00")
    assert [(topic, payload, mid, retain) for topic, payload, mid, _, retain, *_ in heard.messages] == [
        (b"a", b"xy", 0, False), (b"b", b"next", 7, False), (b"a", b"", 0, True),
    ]  # fmt: skip


def test_a_length_without_an_end_is_a_protocol_error() -> None:
    assert Heard().client._take(b"\x32\xff\xff\xff\xff\xff") == MQTTErrorCode.MQTT_ERR_PROTOCOL


def test_a_ping_whose_answer_we_do_not_read_is_excused() -> None:
    client = Heard().client
    client._ping_t = 12.5
    client.excuse_ping()
    assert client._ping_t == 0


def test_pubacks_go_out_in_order_as_one_write() -> None:
    client = Heard().client
    client.acknowledge([1, 65_535, 3])
    assert [bytes(each["packet"]) for each in client._out_packet] == [
        b"\x40\x02\x00\x01\x40\x02\xff\xff\x40\x02\x00\x03"
    ]
