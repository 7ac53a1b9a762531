"""Cost of each step of ingest for a message: the steps alone, in one process, without a broker.

The steps in Python use this process's core; those of the database are waited for. In a running ingest they overlap: the
network thread, the preparer and the database work at the same time (docs/decisions/0153).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

import psycopg

from benchmarks.ingest_throughput import STATIONS, configure, payloads_of
from benchmarks.raw_mqtt import publish_packets
from benchmarks.servers import servers
from ingest.books import ledger
from ingest.books.receipt import Receipt
from ingest.receiving import columns, registry_table
from ingest.receiving.batch import Batch
from ingest.receiving.checks import check
from ingest.receiving.registry import Registry
from ingest.storing import plan, transaction
from quantrac.database.pool import connect
from quantrac.mqtt.delivery import Delivery
from quantrac.mqtt.paho_client import READ_BYTES, BufferedClient
from quantrac.telemetry import topics

BATCH: Final = 4000
RECEIVED_US: Final = 1_790_000_000_000_000
STEPS: Final = (
    (ledger, "lock", "store: lock the books, look for known seqs"),
    (plan, "plan", "store: sort, decide"),
    (transaction, "_copy", "store: pack and COPY"),
    (transaction, "_advance_latest", "store: latest values"),
    (ledger, "book", "store: both books"),
    (transaction, "append_changes", "store: change feed"),
)


def run(messages: int) -> Iterator[str]:
    """Yield the microseconds of each step, a message of 12 readings."""
    batches = max(2, messages // BATCH)
    deliveries, cut_s = receive(batches * BATCH)
    yield _line("receive: cut PUBLISH packets, put in the inbox", cut_s / len(deliveries))
    with servers(STATIONS) as system:
        with psycopg.connect(system.database, autocommit=True) as conn:
            configure(conn)
        with connect(system.database, "steps") as conn:
            for name, seconds in store(conn, deliveries).items():
                yield _line(name, seconds / len(deliveries))


def _line(step: str, seconds: float) -> str:
    return f"{step:44} {seconds * 1e6:7.2f} us a message"


def receive(messages: int) -> tuple[list[Receipt], float]:
    """Return the deliveries, and how long it took to cut them out of what a socket would give."""
    share = messages // len(STATIONS) + 1
    per_station = [
        publish_packets(topics.topic(station, "readings"), payloads_of(station, share)) for station in STATIONS
    ]
    stream = b"".join(packet for packets in zip(*per_station, strict=True) for packet in packets)
    found: list[Receipt] = []

    def put(topic: bytes, payload: bytes, mid: int, dup: bool, retain: bool, length: int, sha: bytes | None) -> None:
        delivery = Delivery(topic.decode(), payload, mid, 1, retain, dup, length, sha, ())
        found.append(Receipt(delivery, RECEIVED_US))

    client = BufferedClient("steps", largest_payload=262_144, deliver=put)
    client._sock = object()  # type: ignore[assignment]  # noqa: SLF001
    started = time.perf_counter()
    for at in range(0, len(stream), READ_BYTES):
        client._take(stream[at : at + READ_BYTES])  # noqa: SLF001
    seconds = time.perf_counter() - started
    client._sock = None  # noqa: SLF001
    return found[:messages], seconds * messages / len(found)


def store(conn: Any, receipts: list[Receipt]) -> dict[str, float]:
    """Return seconds by step of decoding, checking and storing these deliveries in batches."""
    spent: dict[str, float] = {}
    registry = registry_table.load(conn)
    with timed(spent):
        for at in range(0, len(receipts), BATCH):
            _store_one(conn, receipts[at : at + BATCH], registry, spent)
    named = sum(seconds for name, seconds in spent.items() if name.startswith("store:"))
    spent["store: BEGIN, COMMIT and the rest"] = spent.pop("all of storing") - named
    return spent


def _store_one(conn: Any, receipts: list[Receipt], registry: Registry, spent: dict[str, float]) -> None:
    started = time.perf_counter()
    decoded, misfits = columns.decode(receipts, registry)
    at_decoded = time.perf_counter()
    checked = check(decoded, registry)
    at_checked = time.perf_counter()
    assert not misfits
    transaction.store(conn, Batch(registry, checked, [], []))
    at_stored = time.perf_counter()
    for name, seconds in (
        ("prepare: decode JSON into columns", at_decoded - started),
        ("prepare: check, stateless tests", at_checked - at_decoded),
        ("all of storing", at_stored - at_checked),
    ):
        spent[name] = spent.get(name, 0.0) + seconds


@contextmanager
def timed(spent: dict[str, float]) -> Iterator[None]:
    """Time the parts of `transaction.store`."""

    def timing(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed_work(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - started

        return timed_work

    with ExitStack() as stack:
        for module, name, step in STEPS:
            stack.enter_context(patch.object(module, name, timing(step, getattr(module, name))))
        yield
