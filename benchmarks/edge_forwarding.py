"""Drain rate of a full spool, and how long new readings take meanwhile.

Agent, line, broker, ingest and database are real. The spool is filled beforehand, as a cut of the line would have
done. The agent (its own process) starts with the line still cut, goes on measuring, and the line is mended: from then
on old messages go on the backfill lane and new ones beside them. A second subscriber of the broker counts how often
each seq is published.
"""

from __future__ import annotations

import contextlib
import re
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from benchmarks import edge_spool
from benchmarks.ingest_throughput import configure
from benchmarks.servers import PROJECT, memory_mb, running, servers
from quantrac.mqtt import Delivery, MqttAddress, Session, Subscription
from quantrac.private_services.ports import LOOPBACK, free_port
from quantrac.telemetry.topics import topic

STATION: Final = "st-bench"
CUT_S: Final = 5.0
"""How long the agent measures before the line is mended."""
AFTERWARDS_S: Final = 2.0
"""Rest in which whatever was published twice arrives."""
HIGHEST_RATE: Final = 1_000_000.0
NETWORK_FILE: Final = """
schema: quantrac/network/1
network: bench
name: {vi: "Đo", en: "Bench"}
operator: {vi: "Đo", en: "Bench"}
time_zone: Asia/Ho_Chi_Minh
"""
STATION_FILE: Final = """
schema: quantrac/station/1
station: {station}
name: {{vi: "Đo", en: "Bench"}}
tags: [water]
location: {{latitude: 9.5, longitude: 106.0, commune: "xã", surveyed: false}}
in_service: 2019-06-01
buses: {{none: {{kind: modbus-tcp, host: 127.0.0.1, port: 1}}}}
devices: {{io: {{profile: generic-di8, bus: none, address: 1, channels: {{d0: {{signal: input_0, parameter: door}}}}}}}}
backfill: {{max_rate: {rate}/s}}
"""
PIECE: Final = 1024
"""Bytes that the line carries at once."""
SEQ: Final = re.compile(rb'"seq":(\d+)')
OLD_STORED: Final = """
select coalesce(sum(upper(part) - lower(part)), 0)
from ledger, unnest(stored * int8multirange(int8range(1, %s, '[]'))) part
"""
LIVE: Final = """
select extract(epoch from received_at - time) from v_reading where channel = %s and time between %s and %s
"""


@dataclass(frozen=True)
class Cut:
    """A cut: the messages that wait, and the line by which they go."""

    messages: int
    every_ms: int
    """Between two of them."""
    live_per_s: float
    """New messages a second."""
    rate: float = HIGHEST_RATE
    """`backfill.max_rate`."""
    line_bytes_s: float = float("inf")


@contextlib.contextmanager
def counted(url: str) -> Iterator[Counter[int]]:
    """Hear everything the station publishes; gives how often each seq came."""
    counts: Counter[int] = Counter()

    def hear(delivery: Delivery) -> None:
        counts.update(map(int, SEQ.findall(delivery.payload)))
        session.acknowledge([(delivery.generation, delivery.mid)])

    session = Session(
        MqttAddress.parse(url), "bench-counting", expiry_s=60, receive_maximum=1000, on_message=hear,
        subscriptions=[Subscription(topic(STATION, kind)) for kind in ("readings", "backfill")],
    )  # fmt: skip
    session.start()
    assert session.wait_subscribed(10)
    yield counts
    session.stop()


class ThinLine:
    """Carries `bytes_s` bytes a second towards the broker, and everything back at once. Begins cut: call `mend`."""

    def __init__(self, target_port: int, bytes_s: float) -> None:
        self.port, self._target_port, self._bytes_s = free_port(), target_port, bytes_s
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []

    def mend(self) -> None:
        """Accept connections."""
        self._listener = socket.create_server((LOOPBACK, self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Break what is open and accept no more."""
        if self._listener is not None:
            self._listener.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((LOOPBACK, self._target_port))
                self._open += [client, server]
                for source, sink, bytes_s in ((client, server, self._bytes_s), (server, client, float("inf"))):
                    threading.Thread(target=_carry, args=(source, sink, bytes_s), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, bytes_s: float) -> None:
    free_at = time.monotonic()
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE):
            free_at = max(free_at, time.monotonic()) + len(piece) / bytes_s
            time.sleep(max(0.0, free_at - time.monotonic()))
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


def cut_of_six_hours() -> Iterator[str]:
    """What the drain of a cut of six hours costs new readings, on a line of a megabit."""
    yield f"drain of cut of 6 h    {drain(Cut(21_600, 1000, live_per_s=5.0, rate=500.0, line_bytes_s=128_000))}"


def full_spool(messages: int) -> Iterator[str]:
    """How fast a spool of so many messages opens, and how fast it is emptied with `max_rate` lifted."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        station = Path(folder) / "station"
        edge_spool.fill(station, messages, 1000, 1_795_490_400_000)
        mb = sum(file.stat().st_size for file in station.iterdir()) / 1e6
        seconds = edge_spool.opening(station)
    yield f"spool of {messages:,}     {mb:.0f} MB, opened in {seconds:.2f} s"
    yield f"drain of {messages:<13,} {drain(Cut(messages, 1000, live_per_s=5.0))}"


def drain(cut: Cut) -> str:
    """Fill a spool, let the agent send it, and judge what arrived.

    The rate counts from the line's mending until ingest has stored the last old message; a new reading's time is that
    from the reading to its receipt while old ones were sent.
    """
    with servers([STATION]) as system, psycopg.connect(system.database, autocommit=True) as conn:
        configure(conn, [STATION])
        state, log = system.folder / "state", system.folder / "agent.log"
        edge_spool.fill(state / STATION, cut.messages, cut.every_ms, time.time_ns() // 1_000_000)
        line = ThinLine(system.broker.port, cut.line_bytes_s)
        url = system.broker.url(STATION).replace(f":{system.broker.port}", f":{line.port}")
        config = _config(system.folder / "config", cut.rate)
        command = ("benchmarks.numbered_agent", STATION, str(cut.live_per_s))
        with (
            system.ingest(),
            counted(system.broker.url("ingest")) as counts,
            running(log, *command, mqtt_url=url, config=config, state_dir=state) as agent,
        ):
            time.sleep(CUT_S)
            line.mend()
            began, began_s = time.time(), time.monotonic()
            while conn.execute(OLD_STORED, [cut.messages]).fetchone() != (cut.messages,):
                assert agent.poll() is None, log.read_text()
                time.sleep(0.2)
            seconds = time.monotonic() - began_s
            _, mb = memory_mb(agent.pid)
            time.sleep(AFTERWARDS_S)
        line.cut()
        live = _live(conn, began, began + seconds)
        median, p99 = np.percentile(live, [50, 99])
        return (
            f"{cut.messages / seconds:>9,.0f} messages/s over {seconds:.0f} s; {len(live)} new ones meanwhile:"
            f" median {median:.2f} s, p99 {p99:.2f} s; published more than once:"
            f" {sum(n > 1 for n in counts.values())}, most often {max(counts.values())}; agent {mb:.0f} MB"
        )


def _config(folder: Path, rate: float) -> Path:
    (folder / "stations").mkdir(parents=True)
    (folder / "stations" / f"{STATION}.yaml").write_text(STATION_FILE.format(station=STATION, rate=round(rate)))
    (folder / "network.yaml").write_text(NETWORK_FILE)
    (folder / "devices").symlink_to(PROJECT / "station_configs" / "devices")
    return folder


def _live(conn: psycopg.Connection, began: float, ended: float) -> list[float]:
    span = [psycopg.TimestampFromTicks(at) for at in (began, ended)]
    channel = f"{STATION}/{edge_spool.channel(0)}"
    return [float(late) for (late,) in conn.execute(LIVE, [channel, *span])]
