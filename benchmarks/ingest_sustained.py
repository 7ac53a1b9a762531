"""Rate and memory of ingest over a minute of full load.

Six stations publish as fast as ingest stores, never further ahead than BACKLOG: the broker's queue is no part of the
measurement, and a full one would drop messages that stations would have to send again. Messages are made on the fly, so
that nothing but the servers has to hold 18 million readings. Rate and memory of ingest are taken each second.
"""

from __future__ import annotations

import multiprocessing
import selectors
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

from benchmarks.ingest_throughput import FIRST_MS, READINGS, STATIONS, configure
from benchmarks.raw_mqtt import Line, packet, string
from benchmarks.servers import Servers, scalar, servers
from quantrac.mqtt import MqttAddress
from quantrac.telemetry import topics

WARM_UP_S = 5.0
DEVICES = 4
BACKLOG = 10_000
"""How many messages a station may be ahead of what is stored."""


class EndlessLine(Line):
    """A connection whose packets are made when they are sent: sequence and time have a fixed place in them."""

    def prepare(self) -> None:
        """Encode what stays the same of each device's message."""
        rng = np.random.default_rng(len(self.client_id))
        self.parts = []
        for device in range(DEVICES):
            readings = ",".join(
                f'["channel_{device * READINGS + n}",{rng.integers(200, 1200) / 100},"ok"]' for n in range(READINGS)
            )
            self.parts.append(f',"r":[{readings}]}}'.encode())
        self.topic_bytes = string(self.topic)
        around = len(self.topic_bytes) + 3
        lengths = {len(self.message(seq)) for seq in range(1, DEVICES + 1)}
        self.heads = {length: packet(0x32, bytes(around + length))[: -(around + length)] for length in lengths}

    def message(self, seq: int) -> bytes:
        """Return the message of a sequence number; JSON allows the blanks that keep its length."""
        t = FIRST_MS + (seq - 1) // DEVICES * 1000
        return b'{"epoch":"9f31c2ab","seq":%9d,"t":%d' % (seq, t) + self.parts[(seq - 1) % DEVICES]

    def publish(self, seq: int) -> bytes:
        """Return the PUBLISH packet of a sequence number."""
        message = self.message(seq)
        return self.heads[len(message)] + self.topic_bytes + struct.pack("!H", (seq - 1) % 65_535 + 1) + b"\0" + message

    def send_more(self, sock: object, window: int, stored: int) -> None:
        """Fill the window."""
        room = min(window - (self.sent - self.acknowledged), stored + BACKLOG - self.sent)
        if room >= window // 8:
            data = b"".join(self.publish(seq) for seq in range(self.sent + 1, self.sent + room + 1))
            sock.sendall(data)  # type: ignore[attr-defined]
            self.sent += room


def _publish(lines: list[EndlessLine], window: int, stored: Any, stop: Any, sent: multiprocessing.Queue[int]) -> None:
    selector = selectors.DefaultSelector()
    for line in lines:
        line.prepare()
        sock = line.open()
        selector.register(sock, selectors.EVENT_READ, line)
        line.send_more(sock, window, 0)
    while not stop.is_set() or any(line.acknowledged < line.sent for line in lines):
        for key, _ in selector.select(0.01):
            key.data.take(key.fileobj.recv(65_536))  # type: ignore[union-attr]
        for key in selector.get_map().values():
            if not stop.is_set():
                key.data.send_more(key.fileobj, window, stored.value)
    sent.put(sum(line.sent for line in lines))


def run(seconds: float) -> Iterator[str]:
    """Publish for so long; readings a second, and ingest's memory meanwhile."""
    with servers(STATIONS) as system, psycopg.connect(system.database, autocommit=True) as conn:
        configure(conn)
        with system.ingest() as process:
            yield _watch(system, conn, process.pid, seconds)


def _watch(system: Servers, conn: psycopg.Connection, pid: int, seconds: float) -> str:
    lines = [
        EndlessLine(
            MqttAddress.parse(system.broker.url(station)), f"bench-{station}", topics.topic(station, "readings"), []
        )
        for station in STATIONS
    ]
    context = multiprocessing.get_context("fork")
    sent: multiprocessing.Queue[int] = context.Queue()
    stored, stop = context.Value("q", 0), context.Event()
    publisher = context.Process(target=_publish, args=(lines, 400, stored, stop, sent), daemon=True)
    publisher.start()
    began = time.perf_counter()
    rss: list[float] = []
    marks: list[tuple[float, int]] = []
    while not marks or marks[-1][0] - marks[0][0] < seconds:
        total = scalar(conn, "select coalesce(sum(new), 0) from ledger")
        stored.value = total // len(STATIONS)
        if time.perf_counter() - began > WARM_UP_S and (not marks or time.perf_counter() - marks[-1][0] >= 1):
            marks.append((time.perf_counter(), total))
            rss.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6)
        time.sleep(0.05)
    stop.set()
    messages = sent.get(timeout=60)
    publisher.join()
    while scalar(conn, "select coalesce(sum(new), 0) from ledger") < messages:
        time.sleep(0.1)
    assert scalar(conn, "select sum(received - new) from ledger") == 0
    tens = [(marks[i], marks[i + 10]) for i in range(0, len(marks) - 10, 10)]
    slowest = min((b[1] - a[1]) * READINGS / (b[0] - a[0]) for a, b in tens) if tens else 0.0
    took = marks[-1][0] - marks[0][0]
    return (
        f"sustained, live        {(marks[-1][1] - marks[0][1]) * READINGS / took:>9,.0f} readings/s over {took:.0f} s,"
        f" slowest ten seconds {slowest:,.0f}; ingest's memory {rss[0]:.0f} MB, at the end {rss[-1]:.0f} MB,"
        f" at most {max(rss):.0f} MB"
    )
