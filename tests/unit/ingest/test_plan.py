"""What of a batch goes straight into the hypertable, what by the staging table, and what follows from it."""

import json
import math

import numpy as np
import pytest

from ingest.receiving.batch import Batch, prepare
from ingest.storing.plan import Addition, Merged, additions, arrivals, latest, plan
from tests.unit.ingest.network import NAMES, NOW_MS, receipt, registry

HOUR_MS = 3_600_000
FIRST_MS = NOW_MS - 10 * HOUR_MS


def batch(*messages: tuple[int, int, float | None]) -> Batch:
    """Messages of seq, milliseconds after the first, and value, each with one reading of the same channel."""
    return prepare(
        [
            receipt(
                json.dumps(
                    {
                        "epoch": "e1",
                        "seq": seq,
                        "t": FIRST_MS + after_ms,
                        "r": [[NAMES[0], value, "ok" if value is not None else "comm"]],
                    }
                ).encode()
            )
            for seq, after_ms, value in messages
        ],
        registry(),
    )


def unknown(prepared: Batch) -> np.ndarray:
    return np.zeros(prepared.checked.columns.messages, np.bool_)


def test_new_messages_go_straight_and_whatever_repeats_a_seq_or_a_key_by_the_staging_table() -> None:
    prepared = batch((1, 0, 1.0), (2, 1000, 2.0), (2, 2000, 3.0), (3, 1000, 4.0), (4, 3000, 5.0))
    known = unknown(prepared)
    known[4] = True  # its seq has arrived before
    planned = plan(prepared, known, cautious=False)
    assert planned.fresh.value.tolist() == [1.0, 2.0]
    assert planned.staged.value.tolist() == [4.0, 3.0, 5.0]
    assert planned.staged.ordinal.tolist() == [3, 2, 4], "in order of arrival, so that of one key the first stays"
    assert planned.slow.tolist() == [False, False, True, True, True]


def test_after_a_key_turned_out_to_be_there_everything_goes_by_the_staging_table() -> None:
    prepared = batch((1, 0, 1.0), (2, 1000, 2.0))
    planned = plan(prepared, unknown(prepared), cautious=True)
    assert (len(planned.fresh), len(planned.staged)) == (0, 2)


def test_readings_more_than_an_hour_apart_are_additions_of_their_own() -> None:
    prepared = batch((1, 0, 1.0), (2, HOUR_MS, 2.0), (3, 2 * HOUR_MS + 1, 3.0))
    fresh = plan(prepared, unknown(prepared), cautious=False).fresh
    channel, first_us = int(fresh.channel_id[0]), FIRST_MS * 1000
    last_us = first_us + (2 * HOUR_MS + 1) * 1000
    assert list(additions(fresh)) == [
        Addition(channel, first_us, first_us + HOUR_MS * 1000, 2),
        Addition(channel, last_us, last_us, 1),
    ]


@pytest.mark.parametrize(("staged_after_ms", "expected"), [(500, [2.0]), (5000, [9.0])])
def test_the_newest_reading_of_a_channel_may_come_either_way(staged_after_ms: int, expected: list[float]) -> None:
    prepared = batch((1, 0, 1.0), (2, 1000, 2.0))
    fresh = plan(prepared, unknown(prepared), cautious=False).fresh
    merged = Merged(newest=[(int(fresh.channel_id[0]), (FIRST_MS + staged_after_ms) * 1000, 9.0, 0, 0, 1)])
    assert latest(fresh, merged)[2].tolist() == expected


def test_a_newest_reading_without_a_value_stays_without_one() -> None:
    merged = Merged(newest=[(7, 1, None, 3, 1, 1)])
    nothing = plan(batch(), unknown(batch()), cautious=False).fresh
    assert math.isnan(latest(nothing, merged)[2][0])


def test_a_message_is_new_by_its_readings_or_by_its_events_and_else_a_duplicate() -> None:
    prepared = batch((1, 0, 1.0), (2, 1000, 2.0), (3, 2000, 3.0), (4, 3000, 4.0))
    planned = plan(prepared, unknown(prepared), cautious=True)
    merged = Merged(new_messages={0}, conflict_messages={1})
    arrived = arrivals(prepared, planned, merged, new_events={2})
    assert arrived.new.tolist() == [True, False, True, False]
    assert arrived.conflict.tolist() == [False, True, False, False]
    assert arrived.usable.all()
