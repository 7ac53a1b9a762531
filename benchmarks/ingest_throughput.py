"""How many readings a second ingest stores, beside raw binary COPY of the same rows in the same run.

The live lane sends one message a publish, 12 readings each, QoS 1; the backfill lane 50 messages a publish. Everything
is on: acknowledgement after commit, deduplication, both books, change feed, stateless quality. Publishers, broker,
ingest and database share the machine's cores. The clock runs from the first publish to the commit of the last reading.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import psycopg

from benchmarks.process_use import cpu_seconds
from benchmarks.raw_mqtt import Line, Publishers
from benchmarks.servers import Servers, scalar, servers
from ingest.storing import copy_rows
from quantrac.mqtt import MqttAddress
from quantrac.telemetry import topics, wire
from quantrac.telemetry.wire import Message

STATIONS = [f"st-bench-{number}" for number in range(6)]
DEVICES = 4
READINGS = 12
FIRST_MS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
BASELINE_BATCH = 48_000


def run(messages: int) -> Iterator[str]:
    """Run the baseline, then each lane of ingest beside it."""
    with servers(STATIONS) as system:
        with psycopg.connect(system.database, autocommit=True) as conn:
            configure(conn)
            baseline = raw_copy(conn, messages * READINGS)
        yield f"{'raw binary COPY':22} {baseline:>9,.0f} readings/s"
        for lane, bundle, repeated in (("live", 1, 0.0), ("live, 1 % repeated", 1, 0.01), ("backfill", 50, 0.0)):
            readings, seconds, cpu_s = measure(system, messages * (1 if bundle == 1 else 3), bundle, repeated)
            rate = readings / seconds
            yield (
                f"{lane:22} {rate:>9,.0f} readings/s  {rate / baseline:5.2f} x COPY"
                f"  ingest CPU {cpu_s / readings * 1e6:5.2f} s a million"
            )


def configure(conn: psycopg.Connection, stations: Sequence[str] = STATIONS) -> None:
    """Enter stations and channels; their readings may be of any day."""
    conn.execute("""update network set quotas = '{"oldest_ms": 100000000000000}'""")
    for station in stations:
        conn.execute(
            "insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)"
            " values (%s, %s, %s, '2019-01-01Z', '{}', 'bench', now())",
            [station, station, station],
        )
        conn.execute(
            "insert into channel (station, name, parameter, unit, kind, interval_s, span_low, span_high, plausible_low,"
            " plausible_high, expect_low, expect_high)"
            " select %s, 'channel_' || n, 'do', 'mg/L', 'mean', 1, 0, 50, 0, 25, 2, 12 from generate_series(0, %s) n",
            [station, DEVICES * READINGS - 1],
        )


def raw_copy(conn: psycopg.Connection, readings: int) -> float:
    """Return rows a second of plain COPY into a hypertable like `reading`, packed beforehand, a commit a batch."""
    conn.execute("create table baseline (like reading including all)")
    conn.execute("select create_hypertable('baseline', 'time', chunk_time_interval => interval '7 days',"
                 " create_default_indexes => false)")  # fmt: skip
    channels = len(STATIONS) * DEVICES * READINGS
    slots = BASELINE_BATCH // channels
    channel = np.repeat(np.arange(channels, dtype=np.int32), slots)
    rng = np.random.default_rng(1)
    batches = []
    for batch in range(max(1, readings // (slots * channels))):
        slot = np.tile(np.arange(slots, dtype=np.int64), channels) + batch * slots
        zeros = np.zeros(len(channel), np.int16)
        value = np.round(rng.normal(6, 1, len(channel)), 2)
        time_us = (FIRST_MS + slot * 1000) * 1000
        batches.append(copy_rows.pack(channel, time_us, value, zeros, zeros, time_us + 250_000))
    started = time.perf_counter()
    for packed in batches:
        with (
            conn.transaction(),
            conn.cursor() as cursor,
            cursor.copy("copy baseline from stdin (format binary)") as copy,
        ):
            copy.write(packed)
    rate = len(batches) * len(channel) / (time.perf_counter() - started)
    conn.execute("drop table baseline")
    return rate


def measure(system: Servers, messages: int, bundle: int, repeated: float) -> tuple[int, float, float]:
    """Publish on one lane and wait until all is stored; returns readings, seconds, and seconds of ingest's CPU."""
    with psycopg.connect(system.database, autocommit=True) as conn:
        conn.execute("truncate reading, latest, ledger, change, dead_letter cascade")
        lines = [line(system, station, messages // len(STATIONS), bundle, repeated) for station in STATIONS]
        expected = sum(len(each) for each in (payloads_of(station, messages // len(STATIONS)) for station in STATIONS))
        publishers = Publishers(lines)
        publishers.start()
        with system.ingest() as process:
            before = cpu_seconds(process.pid)
            started = time.perf_counter()
            publishers.go()
            while scalar(conn, "select coalesce(sum(new), 0) from ledger") < expected:
                time.sleep(0.05)
            seconds = time.perf_counter() - started
            cpu = cpu_seconds(process.pid) - before
        publishers.join()
        check_books(conn, expected)
        return expected * READINGS, seconds, cpu


def check_books(conn: psycopg.Connection, expected: int) -> None:
    """Raise unless every message is stored once, every reading is there, and both books balance."""
    sums = conn.execute(
        "select sum(highest_seq), sum(stored), sum(dead + lost + missing), sum(received),"
        " sum(new + duplicate + rejected) from v_ledger"
    ).fetchone()
    assert sums is not None
    highest, stored, not_stored, received, accounted = sums
    assert (highest, stored, not_stored) == (expected, expected, 0), sums
    assert received == accounted >= expected, sums
    assert scalar(conn, "select count(*) from reading") == expected * READINGS


def payloads_of(station: str, messages: int) -> list[bytes]:
    """Return messages of a station: its devices in turn, a slot each second."""
    rng = np.random.default_rng(int(station.rpartition("-")[2]))
    values = np.round(rng.normal(6, 1, (messages, READINGS)), 2).tolist()
    names = [[f"channel_{device * READINGS + n}" for n in range(READINGS)] for device in range(DEVICES)]
    return [
        wire.encode(
            Message(
                "9f31c2ab",
                number + 1,
                FIRST_MS + number // DEVICES * 1000,
                [(name, value, "ok") for name, value in zip(names[number % DEVICES], values[number], strict=True)],
            )
        )
        for number in range(messages)
    ]


def line(system: Servers, station: str, messages: int, bundle: int, repeated: float) -> Line:
    """Return what a station publishes: single messages, some of them again a little later, or bundles."""
    singles = payloads_of(station, messages)
    if repeated:
        every = round(1 / repeated)
        singles = [
            payload
            for number, single in enumerate(singles)
            for payload in ([single, singles[number // 2]] if number % every == every - 1 else [single])
        ]
    payloads = singles if bundle == 1 else [b"\n".join(singles[n : n + bundle]) for n in range(0, len(singles), bundle)]
    topic = topics.topic(station, "readings" if bundle == 1 else "backfill")
    return Line(MqttAddress.parse(system.broker.url(station)), f"bench-{station}", topic, payloads)
