"""How late a neighbour's readings are, from sensor to row, while another station floods the broker.

The flood comes by one connection with a station's own password, as fast as the broker takes it: what no channel of it
could make, or no edge would send. One follows the other; each meets an ingest that has just started.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import resource
import select
import struct
import time
from collections.abc import Callable, Iterator
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event
from typing import Final

import numpy as np
import psycopg

from benchmarks.ingest_throughput import configure
from benchmarks.raw_mqtt import Line, packet, string
from benchmarks.servers import scalar, servers
from quantrac.mqtt import MqttAddress, Session
from quantrac.telemetry import topics, wire
from quantrac.telemetry.topics import TopicKind

NEIGHBOUR: Final = "st-neighbour"
EVERY_MS: Final = 50
"""Between two messages of the neighbour; its channels make one a second."""
TARGET_S: Final = 1.0
"""Of the 99th percentile."""
WINDOW: Final = 1000
"""Publishes of the flood without PUBACK."""
AT_ONCE: Final = 64
"""Packets of a write, if they are small."""
DAY_MS: Final = 86_400_000
PICTURE: Final = b"\xff\xd8\xff" + os.urandom(200_000)

Publish = tuple[TopicKind, bytes, bool, dict[str, str]]
"""Kind of topic, payload, whether it is to be retained, user properties."""


def _message(seq: int, t: int, epoch: str = "mad", **more: object) -> bytes:
    readings = [[f"channel_{n}", seq % 20, "ok"] for n in range(4)]
    return json.dumps({"epoch": epoch, "seq": seq, "t": t, "r": readings, **more}).encode()


def _garbage(n: int, _: int) -> Publish:
    return "readings", b"{%d" % n, False, {}


def _readings(n: int, now_ms: int) -> Publish:
    return "readings", _message(n, now_ms - n % 3_600_000), False, {}


def _repeated(n: int, now_ms: int) -> Publish:
    return "readings", _message(n % 1000 + 1, now_ms // DAY_MS * DAY_MS - n % 1000 * 1000), False, {}


def _long_ago(n: int, now_ms: int) -> Publish:
    return "readings", _message(n, now_ms - n * 7 * DAY_MS % (6 * 365 * DAY_MS)), False, {}


def _events(n: int, now_ms: int) -> Publish:
    return "readings", _message(n, now_ms, e=[["door", None, f"opened {n}", now_ms]] * 50), False, {}


def _letters(n: int, now_ms: int) -> Publish:
    readings = [["channel_0", n % 20, "ok"], *([f"unknown_{number}", n, "ok"] for number in range(30))]
    return "readings", _message(n, now_ms, r=readings), False, {}


def _bundles(n: int, now_ms: int) -> Publish:
    lines = (_message(50 * n + line, now_ms - (50 * n + line) % 36_000_000) for line in range(50))
    return "backfill", b"\n".join(lines), False, {}


def _epochs(n: int, now_ms: int) -> Publish:
    held = {f"e{n}-{number}": {"first": 1, "last": 2, "refused": []} for number in range(90)}
    return "status", json.dumps({"online": True, "t": now_ms, "epoch": f"e{n}-0", "epochs": held}).encode(), False, {}


def _retained(n: int, _: int) -> Publish:
    kinds: tuple[TopicKind, ...] = ("status", "birth", "reply")
    return kinds[n % 3], b'{"id":"%08d","ok":true}' % n + b" " * 1000, True, {}


def _pictures(n: int, now_ms: int) -> Publish:
    said = {"epoch": "camera", "seq": str(n), "t": str(now_ms - n), "camera": "pond", "cause": "motion"}
    return "image", PICTURE + b"%d" % n, False, said


FLOODS: Final[dict[str, Callable[[int, int], Publish]]] = {
    "five bytes, no JSON": _garbage,
    "good readings": _readings,
    "repeated readings": _repeated,
    "readings of six years": _long_ago,
    "bundles of 50": _bundles,
    "fifty events": _events,
    "thirty unknown channels": _letters,
    "ninety epochs": _epochs,
    "retained, and replies": _retained,
    "pictures of 200 kB": _pictures,
}


def run(seconds: float) -> Iterator[str]:
    """Let each flood last so long; what it sent a second, and how late the neighbour's readings were."""
    mad = {f"st-mad-{number}": name for number, name in enumerate(FLOODS)}
    with servers([NEIGHBOUR, *mad]) as system, psycopg.connect(system.database, autocommit=True) as conn:
        configure(conn, [NEIGHBOUR, *mad])
        conn.execute("update network set quotas = '{}'")
        conn.execute("update channel set interval_s = 48")
        for station, name in mad.items():
            neighbour = system.broker.url(NEIGHBOUR)
            with system.ingest():
                began, before_s = time.monotonic(), _ended_children_s()
                with flooding(system.broker.url(station), name) as sent:
                    late_s = neighbour_s(neighbour, conn, seconds, "channel_0", station)
                    number, lasted_s = sent(), time.monotonic() - began
                cores = (_ended_children_s() - before_s) / lasted_s
                neighbour_s(neighbour, conn, EVERY_MS / 1000, "channel_0", f"{station}-end")  # behind all that waits
            median, p99 = np.percentile(late_s, [50, 99])
            missed = "" if p99 < TARGET_S else ": MISSED"
            yield (
                f"{name:24} {number / lasted_s:>7,.0f} a second, made by {cores:.2f} of a core; the neighbour:"
                f" median {median:.2f} s, p99 {p99:.2f} s of {len(late_s)} messages (target < {TARGET_S:.0f} s{missed})"
            )
        yield f"{'kept of all floods':24} {scalar(conn, 'select pg_database_size(current_database())') / 1e6:,.0f} MB"


def _ended_children_s() -> float:
    """Return the processor time of the child processes that have ended, seconds: the floods'."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def flooding(url: str, name: str) -> Iterator[Callable[[], int]]:
    """Flood as the station of this address, by a process of its own, until the block ends; gives how many were sent."""
    context = multiprocessing.get_context("fork")
    sent, stop = context.Value("q", 0), context.Event()
    process = context.Process(target=_flood, args=(MqttAddress.parse(url), FLOODS[name], sent, stop))
    process.start()
    try:
        yield lambda: int(sent.value)
    finally:
        stop.set()
        process.join(30)
        process.kill()  # if it still hangs: its exit code says so
        process.join()
    assert process.exitcode == 0


def _flood(address: MqttAddress, publish: Callable[[int, int], Publish], sent: Synchronized[int], stop: Event) -> None:
    station = address.user or ""
    line = Line(address, f"mad-{station}", "", [])
    packets = (_packet(station, number, publish) for number in itertools.count(1))
    with line.open() as sock:
        while not stop.is_set():
            some: list[bytes] = []
            while len(some) < AT_ONCE and line.sent - line.acknowledged < WINDOW and sum(map(len, some[-1:])) < 10_000:
                some.append(next(packets))
                line.sent += 1
            sock.sendall(b"".join(some))
            sent.value = line.sent
            while select.select([sock], [], [], 0.0 if line.sent - line.acknowledged < WINDOW else 0.1)[0]:
                data = sock.recv(65_536)
                assert data, "the broker closed the connection"
                line.take(data)


def _packet(station: str, number: int, publish: Callable[[int, int], Publish]) -> bytes:
    kind, payload, retained, said = publish(number, time.time_ns() // 1_000_000)
    properties = b"".join(b"\x26" + string(key) + string(value) for key, value in said.items())
    head = string(topics.topic(station, kind)) + struct.pack("!H", number % 65_535 + 1)
    return packet(0x33 if retained else 0x32, head + bytes([len(properties)]) + properties + payload)


def neighbour_s(url: str, conn: psycopg.Connection, seconds: float, channel: str, epoch: str) -> list[float]:
    """Publish as the station of this address; return how long each message took, from when it was due to its row."""
    address = MqttAddress.parse(url)
    station = address.user or ""
    session = Session(address, "edge", expiry_s=60, receive_maximum=10)
    session.start()
    assert session.wait_subscribed(10)
    arrived = "select coalesce(max(highest_arrived), 0) from ledger where epoch = %s and station = %s"
    late_s: list[float] = []
    sent, started_ms = 0, time.time_ns() // 1_000_000
    most = int(seconds * 1000 / EVERY_MS)
    while len(late_s) < most:
        now_ms = time.time_ns() / 1e6
        assert now_ms < started_ms + seconds * 1000 + 60_000, f"{most - len(late_s)} messages are not stored"
        while sent < most and started_ms + sent * EVERY_MS <= now_ms:
            message = wire.Message(epoch, sent + 1, started_ms + sent * EVERY_MS, [(channel, 5.0, "ok")])
            session.publish(topics.topic(station, "readings"), wire.encode(message))
            sent += 1
        ((highest,),) = conn.execute(arrived, [epoch, station]).fetchall()
        now_ms = time.time_ns() / 1e6
        late_s += [(now_ms - started_ms - seq * EVERY_MS) / 1000 for seq in range(len(late_s), highest)]
        time.sleep(0.01)
    session.stop()
    stored = scalar(conn, f"select stored from v_ledger where epoch = '{epoch}' and station = '{station}'")
    assert stored == most, f"{stored} of the neighbour's {most} messages are stored"
    return late_s
