"""Drain rate of a full spool, and how long new readings take meanwhile.

Agent, line, broker, ingest and database are real. The spool is filled beforehand, as a cut of the line would have
done. The agent (its own process) starts with the line still cut, goes on measuring, and the line is mended: from then
on old messages go on the backfill lane and new ones beside them. A second subscriber of the broker counts how often
each seq is published.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psycopg

from benchmarks import edge_spool
from benchmarks.servers import PROJECT, Servers, servers
from benchmarks.thin_line import ThinLine
from quantrac.mqtt import Delivery, MqttAddress, Session, Subscription
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


@dataclass(frozen=True)
class Drained:
    """The figures of a drain."""

    messages: int
    seconds: float
    """From the line's mending until ingest has stored the last old message."""
    live: int
    live_median_s: float
    live_p99_s: float
    """From the time of a new reading to its receipt by ingest, while old ones were sent."""
    live_most_s: float
    published_most: int
    """Times that any seq was published."""
    published_twice: int
    agent_mb: float
    """The agent's largest resident set."""


class Counting:
    """Hears everything the station publishes and counts each seq."""

    def __init__(self, url: str) -> None:
        self.counts: Counter[int] = Counter()
        self._session = Session(
            MqttAddress.parse(url), "bench-counting", expiry_s=60, receive_maximum=1000, on_message=self._hear,
            subscriptions=[Subscription(topic(STATION, kind)) for kind in ("readings", "backfill")],
        )  # fmt: skip

    def __enter__(self) -> Counter[int]:
        self._session.start()
        assert self._session.wait_subscribed(10)
        return self.counts

    def __exit__(self, *_: object) -> None:
        self._session.stop()

    def _hear(self, delivery: Delivery) -> None:
        self.counts.update(map(int, SEQ.findall(delivery.payload)))
        self._session.acknowledge([(delivery.generation, delivery.mid)])


def drain(cut: Cut) -> Drained:
    """Fill a spool, let the agent send it, and judge what arrived."""
    with servers([STATION]) as system, psycopg.connect(system.database, autocommit=True) as conn:
        configure(conn)
        edge_spool.fill(system.folder / "state" / STATION, cut.messages, cut.every_ms, time.time_ns() // 1_000_000)
        line = ThinLine(system.broker.port, cut.line_bytes_s)
        with system.ingest(), Counting(system.broker.url("ingest")) as counts, _agent(system, cut, line) as agent:
            time.sleep(CUT_S)
            line.mend()
            began, began_s = time.time(), time.monotonic()
            while conn.execute(OLD_STORED, [cut.messages]).fetchone() != (cut.messages,):
                assert agent.poll() is None, (system.folder / "agent.log").read_text()
                time.sleep(0.2)
            seconds = time.monotonic() - began_s
            mb = _largest_mb(agent.pid)
            time.sleep(AFTERWARDS_S)
        live = _live(conn, began, began + seconds)
        median, p99, most = (float(np.percentile(live, p)) for p in (50, 99, 100))
        twice = sum(n > 1 for n in counts.values())
        return Drained(cut.messages, seconds, len(live), median, p99, most, max(counts.values()), twice, mb)


def configure(conn: psycopg.Connection) -> None:
    """Enter station and channels."""
    conn.execute(
        "insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)"
        " values (%s, %s, %s, '2019-01-01Z', '{}', 'bench', now())",
        [STATION] * 3,
    )
    for number in range(edge_spool.READINGS):
        conn.execute(
            "insert into channel (station, name, parameter, unit, kind, interval_s) values (%s, %s, 'do', 'mg/L',"
            " 'mean', 1)",
            [STATION, edge_spool.channel(number)],
        )


@contextlib.contextmanager
def _agent(system: Servers, cut: Cut, line: ThinLine) -> Iterator[subprocess.Popen[bytes]]:
    config = system.folder / "config"
    (config / "stations").mkdir(parents=True)
    (config / "stations" / f"{STATION}.yaml").write_text(STATION_FILE.format(station=STATION, rate=round(cut.rate)))
    (config / "network.yaml").write_text(NETWORK_FILE)
    (config / "devices").symlink_to(PROJECT / "station_configs" / "devices")
    environment = {
        **os.environ,
        "QUANTRAC_MQTT_URL": system.broker.url(STATION).replace(f":{system.broker.port}", f":{line.port}"),
        "QUANTRAC_CONFIG": str(config),
        "QUANTRAC_STATE_DIR": str(system.folder / "state"),
    }
    command = [sys.executable, "-m", "benchmarks.numbered_agent", STATION, str(cut.live_per_s)]
    with (system.folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        line.cut()


def _live(conn: psycopg.Connection, began: float, ended: float) -> list[float]:
    span = [psycopg.TimestampFromTicks(at) for at in (began, ended)]
    channel = f"{STATION}/{edge_spool.channel(0)}"
    return [float(late) for (late,) in conn.execute(LIVE, [channel, *span])]


def _largest_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1000
