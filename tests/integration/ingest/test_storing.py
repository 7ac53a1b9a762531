"""Transactions of ingest against an oracle in plain Python: the first value of a key stays, whoever brings it."""

import json
import random
from collections import Counter

import psycopg
import pytest

from ingest.books.receipt import Receipt
from ingest.receiving import registry_table
from ingest.receiving.batch import prepare
from ingest.storing.transaction import store
from quantrac.mqtt.delivery import Delivery
from tests.integration.ingest.conftest import CHANNELS
from tests.integration.ingest.test_path import T

Message = tuple[str, int, int, tuple[tuple[str, float | None], ...]]


def receipt(message: Message) -> Receipt:
    epoch, seq, t, readings = message
    r = [[name, value, "ok" if value is not None else "fault"] for name, value in readings]
    payload = json.dumps({"epoch": epoch, "seq": seq, "t": t, "r": r}).encode()
    return Receipt(Delivery("quantrac/v1/st-test/readings", payload, 1, 1, False, False, len(payload), None, ()),
                   (T + 86_400_000) * 1000)  # fmt: skip


class Oracle:
    """What the database should hold, told one message at a time."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, int], float | None] = {}
        self.conflicts: Counter[tuple[str, int, float | None]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.stored: set[tuple[str, int]] = set()

    def hear(self, message: Message) -> None:
        epoch, seq, t, readings = message
        new = conflict = False
        for name, value in readings:
            if (name, t) not in self.readings:
                self.readings[name, t] = value
                new = True
            elif self.readings[name, t] != value:
                self.conflicts[name, t, value] += 1
                conflict = True
        self.outcomes["received"] += 1
        self.outcomes["new" if new else "duplicate"] += 1
        self.outcomes["conflict"] += conflict
        self.stored.add((epoch, seq))


def messages(chance: random.Random, count: int) -> list[Message]:
    """Messages in disorder: repeats, cloned cards (seq again with other data), overlapping slots, nulls."""
    made: list[Message] = []
    for _ in range(count):
        if made and chance.random() < 0.3:
            made.append(chance.choice(made))
            continue
        names = chance.sample(CHANNELS, chance.randint(1, len(CHANNELS)))
        readings = tuple((name, chance.choice([None, 1.0, 2.0, 2.0])) for name in names)
        made.append((chance.choice(["e1", "e2"]), chance.randint(1, 40), T + 1000 * chance.randint(0, 30), readings))
    return made


@pytest.mark.parametrize("seed", range(6))
def test_whatever_arrives_the_first_value_stays_and_the_books_agree(network: psycopg.Connection, seed: int) -> None:
    chance = random.Random(seed)
    registry, oracle = registry_table.load(network), Oracle()
    heard = messages(chance, 150)
    while heard:
        size = chance.randint(1, 25)
        batch, heard = heard[:size], heard[size:]
        for message in batch:
            oracle.hear(message)
        prepared = prepare([receipt(message) for message in batch], registry)
        store(network, prepared, cautious=chance.random() < 0.3)
    rows = network.execute(
        "select c.name, (extract(epoch from time) * 1000)::int8, value from reading join channel c using (channel_id)"
    )
    assert {(name, t): value for name, t, value in rows} == oracle.readings
    kept = network.execute(
        "select c.name, (extract(epoch from time) * 1000)::int8, value, count from conflict"
        " join channel c using (channel_id)"
    )
    assert {(name, t, value): count for name, t, value, count in kept} == dict(oracle.conflicts)
    books = network.execute("select sum(received), sum(new), sum(duplicate), sum(conflict), sum(stored) from v_ledger")
    outcomes = oracle.outcomes
    assert books.fetchone() == (
        outcomes["received"], outcomes["new"], outcomes["duplicate"], outcomes["conflict"], len(oracle.stored)
    )  # fmt: skip
    newest = network.execute("select channel_id, time, value from latest order by 1").fetchall()
    assert (
        newest
        == network.execute(
            "select distinct on (channel_id) channel_id, time, value from reading order by channel_id, time desc"
        ).fetchall()
    )
    fed = network.execute("select sum(rows) from change where cause = 'reading'").fetchone()
    assert fed == (len(oracle.readings),)


def test_a_large_batch_on_the_slow_path_takes_no_quadratic_time(network: psycopg.Connection) -> None:
    """4,000 messages that a plan comparing each row with each would chew on for minutes."""
    registry = registry_table.load(network)
    batch = prepare(
        [
            receipt(("e1", seq, T + seq * 1000, tuple((name, float(seq)) for name in CHANNELS)))
            for seq in range(1, 4001)
        ],
        registry,
    )
    network.execute("set statement_timeout = '60s'")
    for expected in (4000, 0):
        assert store(network, batch, cautious=True).new == expected
