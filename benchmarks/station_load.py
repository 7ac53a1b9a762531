"""The stations of `benchmarks/whole_network.py` in one process: a connection each, messages at their interval.

`python -m benchmarks.station_load PLAN REPORT` connects every station as an edge agent does (user and password,
subscription to its acks and commands, birth, status each minute), says on stdout when it starts to publish, and writes
a report when the last message has its PUBACK. Messages are put together from parts that were encoded beforehand and go
out by plain sockets: a thousand stations a second cost a few per cent of a core. A message carries the time at which it
was due; it is sent within TICK_S of it, and the report says how late the latest ones were.
"""

from __future__ import annotations

import array
import json
import math
import random
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from benchmarks.network_files import COURSES, DELAY_INTERVALS, LOW_VALUE
from benchmarks.raw_mqtt import connect_packet, packet, string
from quantrac.mqtt import MqttAddress
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import Held, Status

EPOCH: Final = "be9c0001"
COURSE_STEPS: Final = 600
"""Messages after which the values of a station come again."""
STATUS_EVERY_S: Final = 60.0
TICK_S: Final = 0.005
LOW_STEPS: Final = 2 * DELAY_INTERVALS
"""How many messages of a station with low oxygen follow one another."""
DRAIN_S: Final = 60.0
CONNACK, PUBACK, SUBACK, PUBLISH = 0x20, 0x40, 0x90, 0x30


class PlannedStation(msgspec.Struct, frozen=True):
    """One station: its address at the broker with user and password, and its birth as JSON."""

    name: str
    url: str
    birth: str
    low_from: int | None = None
    """Its message, counted from 0, with which low oxygen begins."""


class LoadPlan(msgspec.Struct, frozen=True):
    """Who publishes what: `steps` messages of the first `channels` courses, one each `interval_ms`."""

    stations: list[PlannedStation]
    channels: int
    interval_ms: int
    steps: int

    def due_ms(self, started_ms: int, number: int, step: int) -> int:
        """Return when a message of a station is due, ms since 1970: the stations are spread over the interval."""
        return started_ms + step * self.interval_ms + number * self.interval_ms // len(self.stations)


class LoadReport(msgspec.Struct, frozen=True):
    """What the stations did; times of lateness in ms after the moment when a message was due."""

    started_ms: int
    published: int
    refused: int
    """PUBACKs with a reason that is no success."""
    unanswered: int
    """Messages without PUBACK at the end."""
    acks: int
    """End-to-end acknowledgements that came from ingest."""
    late_median: float
    late_p99: float
    late_most: float


class _Link:
    """The connection of one station."""

    def __init__(self, station: PlannedStation) -> None:
        address = MqttAddress.parse(station.url)
        self.sock = socket.create_connection((address.host, address.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.low_from, self._name = station.low_from, station.name
        self.seq = self.unanswered = self.refused = self.acks = self._identifier = 0
        self._rest, self._head = b"", string(topics.topic(station.name, "readings"))
        self.sock.sendall(connect_packet(address, f"edge-{station.name}"))
        self._await(CONNACK)
        wanted = [topics.topic(station.name, "ack"), topics.topic(station.name, "cmd", "+")]
        filters = b"".join(string(each) + b"\x01" for each in wanted)
        self.sock.sendall(packet(0x82, self._next_identifier() + b"\0" + filters))
        self._await(SUBACK)
        self._publish(0x33, string(topics.topic(station.name, "birth")), station.birth.encode())

    def publish_readings(self, t_ms: int, readings: bytes) -> None:
        """Send the next message."""
        self.seq += 1
        message = b'{"epoch":"%s","seq":%d,"t":%d,"r":%s}' % (EPOCH.encode(), self.seq, t_ms, readings)
        self._publish(0x32, self._head, message)

    def publish_status(self, t_ms: int) -> None:
        """Say that the station is online and what its spool holds."""
        status = wire.encode(Status(online=True, t=t_ms, epoch=EPOCH, epochs={EPOCH: Held(1, self.seq)}))
        self._publish(0x33, string(topics.topic(self._name, "status")), status)

    def take(self) -> None:
        """Read what the broker sent: count PUBACKs, acknowledge what comes."""
        data = self.sock.recv(65_536)
        if not data:
            raise ConnectionError(f"the broker closed the connection of {self._name}")
        data, at, answers = self._rest + data, 0, b""
        while (found := _packet_at(data, at)) is not None:
            kind, body, at = found
            if kind == PUBACK:
                self.unanswered -= 1
                self.refused += at - body > 2 and data[body + 2] >= 0x80
            elif kind == PUBLISH:
                length = struct.unpack_from("!H", data, body)[0]
                self.acks += data[body + 2 : body + 2 + length].endswith(b"/ack")
                answers += packet(0x40, data[body + 2 + length : body + 4 + length])
            else:
                raise ConnectionError(f"the broker sent {self._name} a packet of type {kind:#x}")
        self._rest = data[at:]
        if answers:
            self.sock.sendall(answers)

    def _publish(self, first: int, head: bytes, payload: bytes) -> None:
        self.sock.sendall(packet(first, head + self._next_identifier() + b"\0" + payload))
        self.unanswered += 1

    def _next_identifier(self) -> bytes:
        self._identifier = self._identifier % 65_535 + 1
        return struct.pack("!H", self._identifier)

    def _await(self, kind: int) -> None:
        """Wait for the answer of a kind; every reason code in it must be a success."""
        data = b""
        while (found := _packet_at(data, 0)) is None:
            more = self.sock.recv(4096)
            if not more:
                raise ConnectionError(f"the broker closed the connection of {self._name}")
            data += more
        first, body, end = found
        reason = data[body + 1] if kind == CONNACK else data[end - 1]
        if first != kind or reason >= 0x80:
            raise ConnectionError(f"the broker answered {self._name} with {data!r}")
        self._rest = data[end:]


def _packet_at(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return type, begin of the body and end of the packet that begins at a place; None: it is not whole."""
    length, shift, body = 0, 0, at + 1
    while body < len(data):
        length |= (data[body] & 0x7F) << shift
        shift, body = shift + 7, body + 1
        if data[body - 1] < 0x80:
            return (data[at] & 0xF0, body, body + length) if body + length <= len(data) else None
    return None


def courses(channels: int, low: str | None) -> list[bytes]:
    """Return the readings of COURSE_STEPS messages, as JSON; `low`: oxygen has this value in all of them.

    Each course is a slow swing that begins again where it ends, with noise; turbidity has one spike.
    """
    chance = random.Random(20261129)
    found: list[bytes] = []
    for step in range(COURSE_STEPS):
        parts: list[str] = []
        for course in COURSES[:channels]:
            swing = course.swing * math.sin(2 * math.pi * step / COURSE_STEPS)
            spike = 600.0 if course.name == "turbidity" and step == COURSE_STEPS // 2 else 0.0
            value = f"{course.base + swing + chance.gauss(0, course.noise) + spike:.{course.decimals}f}"
            parts.append(f'["{course.name}",{low if low and course.name == "do" else value},"ok"]')
        found.append(f"[{','.join(parts)}]".encode())
    return found


def run(plan: LoadPlan, started: Callable[[int], None]) -> LoadReport:
    """Connect all stations, publish every message when it is due, and wait for the PUBACKs."""
    usual, low = courses(plan.channels, None), courses(plan.channels, LOW_VALUE)
    selector = selectors.DefaultSelector()
    links = [_Link(station) for station in plan.stations]
    for link in links:
        selector.register(link.sock, selectors.EVENT_READ, link)
    started_ms = round(time.time() * 1000) + 500
    started(started_ms)
    lateness = array.array("d")
    status_steps = max(1, round(STATUS_EVERY_S * 1000 / plan.interval_ms))
    sent, total, ends = 0, plan.steps * len(links), math.inf
    while sent < total or (time.time() < ends and any(link.unanswered for link in links)):
        while sent < total:
            step, number = divmod(sent, len(links))
            due_ms, now_ms = plan.due_ms(started_ms, number, step), time.time() * 1000
            if now_ms < due_ms:
                break
            link = links[number]
            is_low = link.low_from is not None and 0 <= step - link.low_from < LOW_STEPS
            link.publish_readings(due_ms, (low if is_low else usual)[(step + 37 * number) % COURSE_STEPS])
            if step % status_steps == number % status_steps:
                link.publish_status(due_ms)
            lateness.append(now_ms - due_ms)
            sent += 1
            ends = time.time() + DRAIN_S if sent == total else math.inf
        for key, _ in selector.select(0):
            key.data.take()
        time.sleep(TICK_S)
    median, p99, most = np.percentile(lateness, [50, 99, 100])
    return LoadReport(
        started_ms, sent, sum(link.refused for link in links), sum(link.unanswered for link in links),
        sum(link.acks for link in links), float(median), float(p99), float(most),
    )  # fmt: skip


def main() -> None:
    """Run the plan of one file and write the report to another."""
    plan_file, report_file = map(Path, sys.argv[1:])
    plan = msgspec.json.decode(plan_file.read_bytes(), type=LoadPlan)
    report = run(plan, lambda started_ms: print(json.dumps({"started_ms": started_ms}), flush=True))
    fresh = report_file.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(report))
    fresh.replace(report_file)


if __name__ == "__main__":
    main()
