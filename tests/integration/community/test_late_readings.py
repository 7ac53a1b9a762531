"""Readings that come late for compressed weeks: the first value stays, nothing twice, nothing lost."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ingest.receiving import registry_table
from ingest.receiving.batch import prepare
from ingest.storing.transaction import Stored, store
from quantrac.cli.jobs.upkeep import IN_USE
from quantrac.database.pool import connect
from tests.fixtures.timing import PATIENCE_S
from tests.integration.community.conftest import compress_everything, loose_rows
from tests.integration.ingest.conftest import CHANNELS
from tests.integration.ingest.test_path import T
from tests.integration.ingest.test_storing import Message, Oracle, messages, receipt

pytestmark = pytest.mark.community


def put(conn: psycopg.Connection, batch: Sequence[Message], *, cautious: bool = False) -> Stored:
    """Store a batch as the writer of ingest does."""
    return store(conn, prepare([receipt(message) for message in batch], registry_table.load(conn)), cautious=cautious)


def sent(epoch: str, first: int, count: int, value: float = 7.0, step: int = 1) -> list[Message]:
    """Messages of all channels, one each three seconds; seq counts the slots."""
    return [
        (epoch, slot + 1, T + slot * 3000, tuple((name, (value, "ok")) for name in CHANNELS))
        for slot in range(first, first + count * step, step)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_first_value_stays_whenever_the_week_was_compressed(network: psycopg.Connection, seed: int) -> None:
    """The oracle of the uncompressed case, with compressions in between."""
    chance = random.Random(seed)
    oracle, heard = Oracle(), messages(chance, 150)
    while heard:
        size = chance.randint(1, 25)
        batch, heard = heard[:size], heard[size:]
        for message in batch:
            oracle.hear(message)
        put(network, batch, cautious=chance.random() < 0.3)
        if chance.random() < 0.4:
            compress_everything(network)
    oracle.check(network)


def test_a_backfill_into_compressed_weeks_has_no_limit(network: psycopg.Connection, database: str) -> None:
    """More than TimescaleDB's default of 100,000 rows in a transaction, and the server's own limit set to one row."""
    network.execute(
        f"alter database {network.info.dbname} set timescaledb.max_tuples_decompressed_per_dml_transaction = 1"
    )
    with connect(database, "test") as conn:
        put(conn, sent("old", 0, 14_000, step=2))
        compress_everything(conn)
        late = sent("late", 1, 14_000, step=2)
        assert put(conn, late[:100]).new == 100
        assert put(conn, late).new == 13_900, "the rest of one batch of 56,000 readings, of which 400 were there"
        again = put(conn, sent("again", 0, 26_000))
        assert (again.new, again.duplicate) == (0, 26_000), "104,000 known readings in one batch"
        assert put(conn, sent("other", 0, 50, value=8.0)).conflict == 50
        assert conn.execute("select count(*) from reading").fetchone() == (28_000 * len(CHANNELS),)
        compress_everything(conn)
        assert loose_rows(conn) == 0
        assert conn.execute("select count(*), count(distinct (channel_id, time)) from reading").fetchone() \
            == (28_000 * len(CHANNELS),) * 2  # fmt: skip


@pytest.mark.faults
def test_nothing_is_lost_or_doubled_while_the_week_is_being_compressed(
    network: psycopg.Connection, database: str
) -> None:
    """A writer of known and new readings in turn, and somebody who compresses the same week without a rest."""
    put(network, sent("e0", 0, 3000, step=3))
    stop = threading.Event()

    def compress() -> int:
        rounds = 0
        with connect(database, "test compress") as own:
            while not stop.is_set():
                with contextlib.suppress(*IN_USE):
                    compress_everything(own)
                    rounds += 1
        return rounds

    with ThreadPoolExecutor(1) as pool, connect(database, "test writer") as own:
        clock = pool.submit(compress)
        try:
            for first in range(0, 3000, 100):
                for batch in (sent("e1", first + 1, 34, step=3), sent("e2", first + 2, 67)):
                    _put_until_stored(own, batch)
                    _put_until_stored(own, batch)
        finally:
            stop.set()
        assert clock.result(PATIENCE_S) > 3
    wanted = set(range(0, 9000, 3)) | {
        slot
        for first in range(0, 3000, 100)
        for slot in (*range(first + 1, first + 103, 3), *range(first + 2, first + 69))
    }
    stored = network.execute("select channel_id, count(*), count(distinct time) from reading group by 1").fetchall()
    assert [row[1:] for row in stored] == [(len(wanted), len(wanted))] * len(CHANNELS)


def _put_until_stored(conn: psycopg.Connection, batch: Sequence[Message]) -> None:
    while True:
        try:
            put(conn, batch)
            return
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
            continue  # the writer of ingest tries these again
