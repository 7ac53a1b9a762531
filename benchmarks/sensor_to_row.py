"""Time from the measurement of a reading to the commit of its row, at 1,000 messages a second.

Sessions as the edges use them publish one message of 12 readings each millisecond, stamped with the moment when it was
due (a publisher that is late counts as latency). A listener on the change feed looks up what each commit brought
and compares the clock with the readings' times.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import psycopg

from benchmarks.ingest_throughput import DEVICES, READINGS, STATIONS, configure
from benchmarks.servers import Servers, scalar, servers
from quantrac.mqtt import MqttAddress, Session
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import Message

MESSAGES_A_SECOND = 1000
BROUGHT = """
select (extract(epoch from r.time) * 1000000)::int8
from change c join channel ch on ch.channel_id = any(c.channels)
join reading r on r.channel_id = ch.channel_id and r.time between c.from_t and c.to_t
where c.id > %s and c.id <= %s and ch.name = any(%s)
"""


def run(seconds: float) -> Iterator[str]:
    """Publish for so long; the median and the 99th percentile of the time to the row."""
    with servers(STATIONS) as system, psycopg.connect(system.database, autocommit=True) as conn:
        configure(conn)
        with system.ingest():
            took = _latencies_ms(system, conn, seconds)
    median, p99 = np.percentile(took, [50, 99])
    yield f"sensor to row          median {median:.0f} ms, p99 {p99:.0f} ms of {len(took)} messages"


def _latencies_ms(system: Servers, conn: psycopg.Connection, seconds: float) -> list[float]:
    sessions = [
        Session(MqttAddress.parse(system.broker.url(station)), f"latency-{station}", expiry_s=60, receive_maximum=10)
        for station in STATIONS
    ]
    for session in sessions:
        session.start()
        assert session.wait_subscribed(10)
    conn.execute("listen quantrac_change")
    first = [f"channel_{device * READINGS}" for device in range(DEVICES)]
    position = scalar(conn, "select coalesce(max(id), 0) from change")
    latencies: list[float] = []
    sent, started, started_ms = 0, time.monotonic(), time.time_ns() // 1_000_000
    while (elapsed := time.monotonic() - started) < seconds or len(latencies) < sent:
        assert elapsed < seconds + 30, "not everything that was published is stored"
        while elapsed < seconds and sent < elapsed * MESSAGES_A_SECOND:
            which, due_ms = sent % len(sessions), started_ms + sent * 1000 // MESSAGES_A_SECOND
            _publish(sessions[which], STATIONS[which], sent // len(sessions), due_ms)
            sent += 1
        if list(conn.notifies(timeout=0.001, stop_after=1)):
            now_us = time.time_ns() // 1000
            newest = scalar(conn, "select max(id) from change")
            latencies += [(now_us - time_us) / 1000 for (time_us,) in conn.execute(BROUGHT, [position, newest, first])]
            position = newest
    for session in sessions:
        session.stop()
    return latencies


def _publish(session: Session, station: str, number: int, due_ms: int) -> None:
    device = number % DEVICES
    readings: list[tuple[str, float | None, str]] = [
        (f"channel_{device * READINGS + n}", 6.25 + n / 100, "ok") for n in range(READINGS)
    ]
    message = Message("9f31c2ab", number + 1, due_ms, readings)
    session.publish(topics.topic(station, "readings"), wire.encode(message))
