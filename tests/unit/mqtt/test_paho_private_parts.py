"""What `paho_client` relies on inside paho; a new version that moves any of it must fail here, not at a station."""

import hashlib
import inspect
import struct

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from quantrac.mqtt.paho_client import KEPT_OF_OVERSIZE, PRIVATE_PARTS, BufferedClient


def test_the_private_parts_are_there() -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    assert [name for name in PRIVATE_PARTS if not hasattr(client, name)] == []


def test_they_still_take_what_we_give_them() -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    assert list(inspect.signature(client._packet_queue).parameters) == ["command", "packet", "mid", "qos", "info"]
    assert list(inspect.signature(client._packet_handle).parameters) == []
    assert list(inspect.signature(client._sock_recv).parameters) == ["bufsize"]
    assert set(client._in_packet) == {
        "command", "have_remaining", "remaining_count", "remaining_mult", "remaining_length", "packet", "to_process",
        "pos",
    }  # fmt: skip


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
        self.client = BufferedClient("t", largest_payload=largest, on_qos1=lambda *m: self.messages.append(m))
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


@pytest.mark.parametrize("properties", [b"\0", PROPERTIES])
@pytest.mark.parametrize("size", [100, 65_536])
def test_a_payload_too_large_is_cut_hashed_and_does_not_disturb_the_next(size: int, properties: bytes) -> None:
    large = bytes(range(256)) * 1200
    stream = publish(b"a", large, 1, properties=properties) + publish(b"b", b"next", 2)
    heard = Heard()
    heard.feed(*(stream[at : at + size] for at in range(0, len(stream), size)))
    (_, payload, mid, _, _, length, sha256), (_, following, *_) = heard.messages
    assert (payload, mid, length) == (large[:KEPT_OF_OVERSIZE], 1, len(large))
    assert sha256 == hashlib.sha256(large).digest()
    assert following == b"next"


def test_a_length_without_an_end_is_a_protocol_error() -> None:
    assert Heard().client._take(b"\x32\xff\xff\xff\xff\xff") == MQTTErrorCode.MQTT_ERR_PROTOCOL


def test_a_whole_packet_too_large_is_cut_when_it_comes_in_one_piece() -> None:
    heard = Heard()
    heard.feed(publish(b"a", bytes(300_000), 1))
    assert [len(message[1]) for message in heard.messages] == [KEPT_OF_OVERSIZE]


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
