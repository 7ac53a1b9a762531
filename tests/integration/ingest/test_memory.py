"""Ingest's memory stays bounded while the database stands still: the broker holds the rest."""

import time
from pathlib import Path

import psycopg

from ingest.receiving.inbox import MOST_BYTES
from quantrac.telemetry import topics, wire
from tests.fixtures.timing import eventually
from tests.integration.ingest.conftest import Edge, RunningIngest
from tests.integration.ingest.test_books import book
from tests.integration.ingest.test_path import T

BUNDLES = 480
LINES = 8
PADDING = "x" * 31_000
"""Of an event's detail: eight such lines are a payload near the broker's bound of 256 KiB."""


def bundle(number: int) -> bytes:
    lines = [
        wire.Message("e1", seq, T + seq * 1000, [("do", 6.5, "ok")], [("note", None, PADDING, T)])
        for seq in range(number * LINES + 1, (number + 1) * LINES + 1)
    ]
    return b"\n".join(map(wire.encode, lines))


def rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


def test_a_stalled_database_costs_little_memory_and_nothing_is_lost(
    edge: Edge, network: psycopg.Connection, ingest: RunningIngest
) -> None:
    edge.send(bundle(0), "backfill")
    eventually(lambda: book(network)["stored"] == LINES)
    calm = rss_bytes(ingest.process.pid)
    most = 0
    with network.transaction():
        network.execute("lock table latest in access exclusive mode")  # a commit waits for it
        for number in range(1, BUNDLES):
            edge.session.publish(topics.topic(edge.station, "backfill"), bundle(number))
            if number % 50 == 0:
                eventually(lambda: len(edge.settled) >= number - 40)
                most = max(most, rss_bytes(ingest.process.pid))
        eventually(lambda: len(edge.settled) == BUNDLES)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            most = max(most, rss_bytes(ingest.process.pid))
            time.sleep(0.1)
    sent = BUNDLES * len(bundle(1))
    assert sent > 3 * MOST_BYTES
    assert most - calm < MOST_BYTES + 40_000_000, f"{(most - calm) / 1e6:.0f} MB of {sent / 1e6:.0f} MB sent"
    eventually(lambda: book(network)["stored"] == BUNDLES * LINES, 180)
    assert book(network)["received"] == BUNDLES * LINES
    assert '"mqtt_disconnected"' not in ingest.log.read_text()
