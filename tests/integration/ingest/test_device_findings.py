"""The consumer `devices`: findings on a device as one thing depend on its readings alone, not on how they came."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ingest.quality import device_consumer as devices
from ingest.quality.devices import TestedDevices
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from tests.integration.ingest.conftest import CHANNELS

T0: Final = datetime(2026, 5, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 5, 9, tzinfo=UTC)
STEP: Final = timedelta(minutes=10)

Row = tuple[str, int, float | None, int]
"""Channel, number of the slot, value, state."""

SALT: Final = {**dict.fromkeys(range(60), 10.0), **dict.fromkeys(range(30, 36), 0.1)}
"""A sonde in salt water, lifted for an hour: drops on it conduct as little as 0.1."""
ROWS: Final[list[Row]] = [
    *(("salinity", at, value, 0) for at, value in SALT.items()),
    *(("water_temp", at, 28.0, 0) for at in range(60)),
    *(("ph", at, None if at == 31 else 7.5, 6 if at in (31, 32) else 0) for at in range(60)),
]
IN_AIR: Final = {
    *(("salinity", at) for at in range(30, 36)),
    *(("water_temp", at) for at in range(30, 36)),
    *(("ph", at) for at in (30, 33, 34, 35)),  # of 31 there is no value, and of 32 the device says that it is none
}


@pytest.fixture
def sonde(network: psycopg.Connection) -> psycopg.Connection:
    """The network, with one sonde at each station."""
    network.execute("update channel set device = 'sonde', interval_s = 600, history_tests = '{out_of_water,spike}'")
    return network


def store(conn: psycopg.Connection, rows: Iterable[Row]) -> None:
    """Store readings of st-test and tell the feed, as ingest does."""
    numbers: dict[str, int] = dict(
        conn.execute("select name, channel_id from channel where station = 'st-test'").fetchall()
    )
    stored = [(numbers[name], T0 + at * STEP, value, state, NOW) for name, at, value, state in rows]
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany("insert into reading values (%s, %s, %s, %s, 0, %s) on conflict do nothing", stored)
        cursor.execute(
            "insert into latest select distinct on (channel_id) * from reading order by channel_id, time desc"
            " on conflict (channel_id) do update set time = excluded.time"
        )
        append_changes(conn, [NewChange("st-test", each[0], each[1], each[1], 1, Cause.READING) for each in stored])


def judge(conn: psycopg.Connection, known: TestedDevices) -> None:
    feed = Consumer(conn, devices.NAME, [Cause.READING])
    while devices.round_of(conn, feed, lambda: NOW, 50, known):
        pass


def blamed(conn: psycopg.Connection) -> set[tuple[str, int]]:
    """Channel and slot of what stands as out of water."""
    rows = conn.execute(
        "select distinct on (channel, time) split_part(channel, '/', 2), time, flag from v_flag"
        " where test = 'out_of_water' order by channel, time, flag_id desc"
    ).fetchall()
    return {(name, round((time - T0) / STEP)) for name, time, flag in rows if flag == 4}


@pytest.mark.parametrize("seed", range(3))
def test_live_shuffled_late_and_repeated_readings_give_the_flags_of_one_calm_pass(
    sonde: psycopg.Connection, seed: int
) -> None:
    """With seed 0 slot by slot, as they come live; else in any order, some of them twice."""
    chance, known = random.Random(seed), TestedDevices()
    rows = sorted(ROWS, key=lambda row: row[1])
    pieces = [rows[at : at + 9] for at in range(0, len(rows), 9)]
    if seed:
        chance.shuffle(pieces)
        pieces += pieces[:4]
    for piece in pieces:
        store(sonde, piece)
        if chance.random() < 0.5:
            judge(sonde, known)
    judge(sonde, known)
    assert blamed(sonde) == IN_AIR
    said = sonde.execute("select distinct words, words_en from v_flag where flag = 4 and channel = 'st-test/ph'")
    assert [("0,1" in vi, "0.1" in en, vi != en) for vi, en in said] == [(True, True, True)]
    store(sonde, [("salinity", at, 0.3, 0) for at in range(-3, 0)])  # so the river was as fresh the day before
    judge(sonde, known)
    assert blamed(sonde) == set(), "late readings explain what was found"


def test_a_channel_may_do_without_the_test_or_ask_for_more_evidence(sonde: psycopg.Connection) -> None:
    """0.1 is 2.5 times the evidence: a quarter of a permille is what drops may conduct."""
    sonde.execute("update channel set history_tests = '{spike}' where name = 'ph'")
    for name, score in (("water_temp", 2.4), ("salinity", 2.6)):
        sonde.execute("update channel set history_limits = %s where name = %s", [Jsonb({"out_of_water": score}), name])
    store(sonde, ROWS)
    judge(sonde, TestedDevices())
    assert blamed(sonde) == {("water_temp", at) for at in range(30, 36)}


def test_a_consumer_that_is_new_judges_what_is_stored(sonde: psycopg.Connection) -> None:
    assert set(CHANNELS) >= {name for name, *_ in ROWS}
    store(sonde, ROWS)
    devices.judge_everything(sonde, lambda: NOW)
    assert blamed(sonde) == IN_AIR
    assert sonde.execute("select sum(rows) from change where cause = 'flag'").fetchone() == (len(IN_AIR),)
