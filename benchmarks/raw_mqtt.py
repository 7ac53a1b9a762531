"""An MQTT publisher that costs next to nothing: packets encoded beforehand, plain sockets with a window.

It speaks just enough MQTT 5 (CONNECT, PUBLISH QoS 1, PUBACK) and runs as a process of its own. The window is what an
edge also has: a number of publishes without PUBACK.
"""

from __future__ import annotations

import multiprocessing
import selectors
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from quantrac.mqtt import MqttAddress
from quantrac.mqtt.delivery import NO_MATCHING_SUBSCRIBERS

WINDOW = 400
"""Publishes without PUBACK, a connection."""
SEND_AT_ONCE = 100
TAKEN = (0, NO_MATCHING_SUBSCRIBERS)
"""PUBACK reasons of a message that the broker took."""


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!H", len(data)) + data


def packet(first: int, body: bytes) -> bytes:
    length, digits = len(body), bytearray()
    while True:
        length, digit = divmod(length, 128)
        digits.append(digit | (0x80 if length else 0))
        if not length:
            return bytes([first]) + bytes(digits) + body


def connect_packet(address: MqttAddress, client_id: str) -> bytes:
    flags = 0x02 | (0x80 if address.user else 0) | (0x40 if address.password else 0)
    who = string(address.user or "") + string(address.password or "") if address.user else b""
    return packet(0x10, string("MQTT") + bytes([5, flags]) + b"\0\0" + b"\0" + string(client_id) + who)


def publish_packets(topic: str, payloads: Sequence[bytes]) -> list[bytes]:
    head = string(topic)
    return [
        packet(0x32, head + struct.pack("!H", number % 65_535 + 1) + b"\0" + payload)
        for number, payload in enumerate(payloads)
    ]


@dataclass
class Line:
    """One station's connection and what it has to send."""

    address: MqttAddress
    client_id: str
    topic: str
    payloads: list[bytes]
    packets: list[bytes] = field(default_factory=list)
    sent: int = 0
    acknowledged: int = 0
    rest: bytes = b""

    def open(self) -> socket.socket:
        """Connect and wait for the CONNACK."""
        sock = socket.create_connection((self.address.host, self.address.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(connect_packet(self.address, self.client_id))
        answer = sock.recv(4096)
        assert (answer[0], answer[3]) == (0x20, 0), answer
        return sock

    def take(self, data: bytes) -> None:
        """Count PUBACKs; a refusal ends the benchmark."""
        data = self.rest + data
        at = 0
        while len(data) - at >= 2 and len(data) - at >= 2 + data[at + 1]:
            assert data[at] == 0x40
            assert data[at + 1] == 2 or data[at + 4] in TAKEN, f"PUBACK {data[at : at + 8]!r}"
            self.acknowledged += 1
            at += 2 + data[at + 1]
        self.rest = data[at:]

    def send(self, sock: socket.socket) -> None:
        """Send what the window has room for, if it is worth a system call."""
        room = min(WINDOW - (self.sent - self.acknowledged), SEND_AT_ONCE, len(self.packets) - self.sent)
        if room >= min(SEND_AT_ONCE // 2, len(self.packets) - self.sent) and room > 0:
            sock.sendall(b"".join(self.packets[self.sent : self.sent + room]))
            self.sent += room


def _publish(
    lines: list[Line], ready: multiprocessing.synchronize.Event, go: multiprocessing.synchronize.Event
) -> None:
    selector = selectors.DefaultSelector()
    for line in lines:
        line.packets = publish_packets(line.topic, line.payloads)
        selector.register(line.open(), selectors.EVENT_READ, line)
    ready.set()
    go.wait()
    for key in list(selector.get_map().values()):
        key.data.send(key.fileobj)
    left = len(lines)
    while left:
        for key, _ in selector.select():
            waiting: Line = key.data
            waiting.take(key.fileobj.recv(65_536))  # type: ignore[union-attr]
            waiting.send(key.fileobj)  # type: ignore[arg-type]
            if waiting.acknowledged == len(waiting.packets):
                selector.unregister(key.fileobj)
                key.fileobj.close()  # type: ignore[union-attr]
                left -= 1


class Publishers:
    """One process that publishes for all stations; `start` returns when it is ready to go."""

    def __init__(self, lines: list[Line]) -> None:
        context = multiprocessing.get_context("fork")
        self._ready, self._go = context.Event(), context.Event()
        self._process = context.Process(target=_publish, args=(lines, self._ready, self._go))

    def start(self) -> None:
        """Encode and connect."""
        self._process.start()
        assert self._ready.wait(120)

    def go(self) -> None:
        """Begin to publish."""
        self._go.set()

    def join(self) -> None:
        """Wait until everything has its PUBACK."""
        self._process.join()
        assert self._process.exitcode == 0
