"""Transactions of ingest against an oracle in plain Python: the first value of a key stays, whoever brings it.

Only a null that nobody measured gives way, to the first measured value.
"""

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

Judged = tuple[float | None, str]
"""A value and its state."""
Message = tuple[str, int, int, tuple[tuple[str, Judged], ...]]
NOBODY_MEASURED = ("comm", "warmup", "fault")
READINGS: list[Judged] = [
    *((None, state) for state in (*NOBODY_MEASURED, "range", "cal", "maint")), (1.0, "ok"), (2.0, "ok"), (2.0, "ok"),
    (2.0, "suspect"), (1.0, "maint"),
]  # fmt: skip


def receipt(message: Message) -> Receipt:
    epoch, seq, t, readings = message
    r = [[name, *judged] for name, judged in readings]
    payload = json.dumps({"epoch": epoch, "seq": seq, "t": t, "r": r}).encode()
    return Receipt(Delivery("quantrac/v1/st-test/readings", payload, 1, 1, False, False, len(payload), None, ()),
                   (T + 86_400_000) * 1000)  # fmt: skip


class Oracle:
    """What the database should hold, told one message at a time."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, int], Judged] = {}
        self.conflicts: Counter[tuple[str, int, float | None, str]] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.stored: set[tuple[str, int]] = set()
        self.filled = 0

    def hear(self, message: Message) -> None:
        epoch, seq, t, readings = message
        new = conflict = False
        for name, judged in readings:
            before, state = self.readings.get((name, t), (0.0, ""))
            if not state:
                self.readings[name, t] = judged
                new = True
            elif before is None and state in NOBODY_MEASURED and judged[0] is not None:
                self.readings[name, t] = judged
                self.conflicts[name, t, None, state] += 1
                self.filled += 1
                new = True
            elif (before, state) != judged:
                self.conflicts[name, t, *judged] += 1
                conflict = True
        self.outcomes["received"] += 1
        self.outcomes["new" if new else "duplicate"] += 1
        self.outcomes["conflict"] += conflict
        self.stored.add((epoch, seq))

    def check(self, network: psycopg.Connection) -> None:
        """Hold the readings, what is kept beside them, and the books of arrival against it."""
        rows = network.execute(
            "select c.name, (extract(epoch from time) * 1000)::int8, value, state_word(state) from reading"
            " join channel c using (channel_id)"
        ).fetchall()
        assert {(name, t): (value, state) for name, t, value, state in rows} == self.readings
        assert len(rows) == len(self.readings), "nothing twice"
        kept = network.execute(
            "select c.name, (extract(epoch from time) * 1000)::int8, value, state_word(state), count from conflict"
            " join channel c using (channel_id)"
        )
        assert {(*key,): count for *key, count in kept} == dict(self.conflicts)
        books = network.execute(
            "select sum(received), sum(new), sum(duplicate), sum(conflict), sum(stored) from v_ledger"
        )
        outcomes = self.outcomes
        assert books.fetchone() == (
            outcomes["received"], outcomes["new"], outcomes["duplicate"], outcomes["conflict"], len(self.stored)
        )  # fmt: skip


def messages(chance: random.Random, count: int) -> list[Message]:
    """Messages in disorder: repeats, cloned cards (seq again with other data), overlapping slots, nulls."""
    made: list[Message] = []
    for _ in range(count):
        if made and chance.random() < 0.3:
            made.append(chance.choice(made))
            continue
        names = chance.sample(CHANNELS, chance.randint(1, len(CHANNELS)))
        readings = tuple((name, chance.choice(READINGS)) for name in names)
        made.append((chance.choice(["e1", "e2"]), chance.randint(1, 40), T + 1000 * chance.randint(0, 30), readings))
    return made


def test_a_batch_asks_for_a_newer_configuration_at_the_same_cost_however_long_the_feed_is(
    network: psycopg.Connection,
) -> None:
    """It read the whole feed: after ten minutes of a thousand stations that was a fifth of the database's work."""
    network.execute("""
        insert into change (station, channels, from_t, to_t, rows, cause)
        select 'st-test', '{1}', now(), now(), 1, 'reading' from generate_series(1, 5000)
    """)
    network.execute("analyze change")
    plan = network.execute(f"explain (format json) {registry_table.CONFIGURED_SINCE}", [0]).fetchone()
    assert plan is not None
    assert "change_configuration" in json.dumps(plan[0])


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
    oracle.check(network)
    newest = network.execute("select channel_id, time, value, state from latest order by 1").fetchall()
    assert (
        newest
        == network.execute(
            "select distinct on (channel_id) channel_id, time, value, state from reading order by channel_id, time desc"
        ).fetchall()
    )
    fed = network.execute("select sum(rows) from change where cause = 'reading'").fetchone()
    assert oracle.filled > 5
    assert fed == (len(oracle.readings) + oracle.filled,)


@pytest.mark.parametrize("cautious", [True, False])
def test_in_one_batch_too_the_first_value_fills_a_null_and_the_next_is_a_conflict(
    network: psycopg.Connection, cautious: bool
) -> None:
    oracle, name = Oracle(), CHANNELS[0]
    said: list[Judged] = [(None, "fault"), (1.0, "ok"), (2.0, "ok"), (1.0, "ok"), (None, "fault")]
    batch: list[Message] = [("e1", seq, T, ((name, judged),)) for seq, judged in enumerate(said, 1)]
    for message in batch:
        oracle.hear(message)
    registry = registry_table.load(network)
    store(network, prepare([receipt(message) for message in batch], registry), cautious=cautious)
    oracle.check(network)


def test_a_large_batch_on_the_slow_path_takes_no_quadratic_time(network: psycopg.Connection) -> None:
    """4,000 messages that a plan comparing each row with each would chew on for minutes."""
    registry = registry_table.load(network)
    batch = prepare(
        [
            receipt(("e1", seq, T + seq * 1000, tuple((name, (float(seq), "ok")) for name in CHANNELS)))
            for seq in range(1, 4001)
        ],
        registry,
    )
    network.execute("set statement_timeout = '60s'")
    for expected in (4000, 0):
        assert store(network, batch, cautious=True).new == expected
