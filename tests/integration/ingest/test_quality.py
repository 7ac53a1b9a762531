"""The consumer `quality`: its findings depend on the readings alone, not on how they came."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
import psycopg
import pytest
from psycopg.types.json import Jsonb

from ingest.quality import consumer as quality
from ingest.quality.tables import TestedChannels
from ingest.quality.windows import Reach, ReachColumns, still, windows
from quantrac.database.feed import Cause, Change, Consumer, NewChange, append_changes
from quantrac.database.pool import connect

T0 = datetime(2026, 5, 1, tzinfo=UTC)
NOW = datetime(2026, 5, 2, tzinfo=UTC)


class Stored(NamedTuple):
    at_s: int
    value: float | None
    state: int = 0


@pytest.fixture
def tested(network: psycopg.Connection) -> psycopg.Connection:
    """The network, with the spike test on every channel and readings each 10 s."""
    network.execute("update channel set history_tests = '{spike}', interval_s = 10")
    return network


def store(conn: psycopg.Connection, readings: Sequence[Stored]) -> None:
    """Store readings of st-test/water_temp and tell the feed, as ingest does."""
    (channel,) = conn.execute("select channel_id from channel where channel = 'st-test/water_temp'").fetchone() or (0,)
    with conn.transaction():
        for each in readings:
            conn.execute(
                "insert into reading values (%s, %s, %s, %s, 0, %s) on conflict do nothing",
                [channel, T0 + timedelta(seconds=each.at_s), each.value, each.state, NOW],
            )
        conn.execute(
            "insert into latest select distinct on (channel_id) * from reading where channel_id = %s"
            " order by channel_id, time desc on conflict (channel_id) do update set time = excluded.time",
            [channel],
        )
        times = [T0 + timedelta(seconds=each.at_s) for each in readings]
        append_changes(conn, [NewChange("st-test", channel, min(times), max(times), len(times), "reading")])


def judge(conn: psycopg.Connection, known: TestedChannels | None = None) -> None:
    """Take all changes; `known` remembers what earlier rounds read."""
    feed = Consumer(conn, quality.NAME, [Cause.READING])
    while quality.round_of(conn, feed, lambda: NOW, 3, known):
        pass


def flags(conn: psycopg.Connection, test: str = "spike") -> dict[int, int]:
    """The flag that counts for each reading: its newest row, without the withdrawn ones."""
    rows = conn.execute(
        "select distinct on (time) time, flag from reading_flag where test = %s order by time, flag_id desc", [test]
    ).fetchall()
    return {round((time - T0).total_seconds()): flag for time, flag in rows if flag != 1}


CALM = [Stored(10 * n, 28.0 + 0.01 * n) for n in range(60)]
CALM[20] = Stored(200, 33.0)  # 4.8 from its neighbours: suspect from 3
CALM[30] = Stored(300, 45.0)  # 16.7: fails from 9
CALM[40] = Stored(400, None, 7)
CALM[50] = Stored(500, 90.0, 6)  # a value that the device calls faulty is no neighbour and no spike


def test_spikes_are_found_and_said_in_the_view(tested: psycopg.Connection) -> None:
    store(tested, CALM)
    judge(tested)
    assert flags(tested) == {200: 3, 300: 4}
    seen = tested.execute("select quality, tests from v_reading where value in (33, 45) order by time").fetchall()
    assert seen == [(3, "{spike}"), (4, "{spike}")]
    assert tested.execute("select count(*) from change where cause = 'flag'").fetchone() == (1,)


@pytest.mark.parametrize("seed", range(5))
def test_late_and_repeated_data_give_the_flags_of_one_calm_pass(tested: psycopg.Connection, seed: int) -> None:
    chance, known = random.Random(seed), TestedChannels()
    pieces = [CALM[at : at + 7] for at in range(0, len(CALM), 7)] + [CALM[at : at + 11] for at in range(0, 60, 20)]
    pieces += [[reading] for reading in CALM[15:35]]
    chance.shuffle(pieces)
    for piece in pieces:
        store(tested, piece)
        if chance.random() < 0.6:
            judge(tested, known)
    judge(tested, known)
    assert flags(tested) == {200: 3, 300: 4}


def test_each_reading_is_read_once_while_they_come_in_order(tested: psycopg.Connection) -> None:
    """Those that were read are changed behind its back: nobody looks at them again, unless a late one comes."""
    known = TestedChannels()
    store(tested, CALM[:18])
    judge(tested, known)
    tested.execute("update reading set value = 90")
    store(tested, CALM[18:26])
    judge(tested, known)
    assert flags(tested) == {200: 3}
    store(tested, [Stored(165, 28.0)])
    judge(tested, known)
    assert flags(tested) == {165: 4, 170: 4, 200: 3}


def test_a_finding_is_withdrawn_when_a_late_neighbour_explains_it(tested: psycopg.Connection) -> None:
    """28, 35, 31 stands off by 4; with 34.5 before the 35 it is the top of a wave."""
    store(tested, [Stored(0, 28.0), Stored(20, 35.0), Stored(30, 31.0)])
    judge(tested)
    assert flags(tested) == {20: 3}
    store(tested, [Stored(10, 34.5)])
    judge(tested)
    assert flags(tested) == {}
    rows = tested.execute("select flag, score, words_en like 'withdrawn%' from v_flag order by flag_id").fetchall()
    assert rows == [(3, pytest.approx(4 / 3), False), (1, None, True)]  # 4 of the 3 from which it is suspect
    assert tested.execute("select quality, tests from v_reading where value = 35").fetchone() == (1, "{}")


def test_a_reading_of_1e300_is_a_spike_and_stops_no_test(tested: psycopg.Connection) -> None:
    store(tested, [Stored(10 * n, {5: 1e300, 8: -1e300}.get(n, 28.0)) for n in range(12)])
    judge(tested)
    assert flags(tested) == {50: 4, 80: 4}
    assert tested.execute("select distinct score from v_flag").fetchall() == [(pytest.approx(1e30),)]


def test_a_real_step_is_no_spike(tested: psycopg.Connection) -> None:
    store(tested, [Stored(10 * n, 28.0 if n < 5 else 18.0) for n in range(10)])
    judge(tested)
    assert flags(tested) == {}


def test_judging_again_adds_nothing_and_moves_the_position(tested: psycopg.Connection) -> None:
    store(tested, CALM)
    judge(tested)
    before = tested.execute("select count(*) from reading_flag").fetchone()
    store(tested, CALM)
    judge(tested)
    assert tested.execute("select count(*) from reading_flag").fetchone() == before
    assert tested.execute("select lag_rows from v_feed where consumer = 'quality'").fetchone() == (0,)


def test_a_neighbour_beyond_three_intervals_is_none(tested: psycopg.Connection) -> None:
    store(tested, [Stored(0, 28.0), Stored(10, 40.0), Stored(41, 28.0)])
    judge(tested)
    assert flags(tested) == {}


def test_a_channel_without_the_test_is_left_alone(tested: psycopg.Connection) -> None:
    tested.execute("update channel set history_tests = '{}'")
    store(tested, CALM)
    judge(tested)
    assert flags(tested) == {}


def test_a_worker_that_serves_again_judges_by_the_tests_that_were_applied_meanwhile(
    tested: psycopg.Connection, database: str
) -> None:
    known = TestedChannels()
    tested.execute("update channel set history_tests = '{}'")
    store(tested, CALM[:1])
    assert quality.round_of(tested, Consumer(tested, quality.NAME, [Cause.READING]), lambda: NOW, tested=known)
    tested.execute("update channel set history_tests = '{spike}'")  # another worker served, and took that change
    store(tested, CALM[1:])
    with connect(database, "test that serves again") as own:
        while quality.round_of(own, Consumer(own, quality.NAME, [Cause.READING]), lambda: NOW, tested=known):
            pass
    assert flags(tested) == {200: 3, 300: 4}


STANDSTILL = [Stored(10 * n, 28.0 + 0.01 * (n % 7) if n < 30 or n > 400 else 29.5) for n in range(420)]
"""Frozen from 300 s to 4000 s."""


@pytest.mark.parametrize("seed", range(3))
def test_a_standstill_is_found_in_any_order_and_withdrawn_when_it_moved(tested: psycopg.Connection, seed: int) -> None:
    """Suspect after 600 s, failed after 1200 s; then a late reading in the middle says that it moved."""
    tested.execute("update channel set history_tests = '{flat,spike}', history_limits = %s", [Jsonb({"flat": 600})])
    chance, known = random.Random(seed), TestedChannels()
    rest = [reading for reading in STANDSTILL if reading.at_s != 2000]
    pieces = [rest[at : at + 13] for at in range(0, len(rest), 13)]
    if seed:
        chance.shuffle(pieces)
    for piece in [*pieces, chance.choice(pieces)]:
        store(tested, piece)
        if chance.random() < 0.6:
            judge(tested, known)
    judge(tested, known)
    suspect = dict.fromkeys(range(900, 1500, 10), 3)
    fail = {at: 4 for at in range(1500, 4010, 10) if at != 2000}
    assert flags(tested, "flat") == suspect | fail
    store(tested, [Stored(2000, 29.6)])
    judge(tested, known)
    again = dict.fromkeys(range(2610, 3210, 10), 3) | dict.fromkeys(range(3210, 4010, 10), 4)
    fail = dict.fromkeys(range(1500, 2000, 10), 4)
    assert flags(tested, "flat") == suspect | fail | again
    assert flags(tested) == {}
    # Of a salinity in steps of 2 ‰, so little is fresh water, which may rest: what is judged again is withdrawn.
    tested.execute("update channel set parameter = 'salinity', resolution = 2 where channel = 'st-test/water_temp'")
    store(tested, [Stored(2005, 29.6)])
    judge(tested, TestedChannels())
    assert flags(tested, "flat") == suspect | fail | dict.fromkeys(range(3210, 4010, 10), 4)


def test_a_minute_that_moves_reads_no_half_day(tested: psycopg.Connection) -> None:
    tested.execute("update channel set history_tests = '{flat}', history_limits = %s", [Jsonb({"flat": 600})])
    store(tested, STANDSTILL[:200])
    channel = tested.execute("select channel_id from channel where channel = 'st-test/water_temp'").fetchone() or (0,)
    at = T0 + timedelta(seconds=1990)
    change = Change(1, "st-test", (channel[0],), at, at, 1, Cause.READING, NOW)
    minute = windows([change], ReachColumns.of({channel[0]: Reach(1_200_000_000, 0, 30_000_000)}))
    standing = still(tested, minute, np.array([600.0]))
    assert (standing.load_to[0] - standing.load_from[0]) / 1e6 == 1200  # no farther than there are readings
    tested.execute("update reading set value = 28 where time = %s", [T0 + timedelta(seconds=1900)])
    assert len(still(tested, minute, np.array([600.0]))) == 0


def test_a_step_is_a_jump_at_once(tested: psycopg.Connection) -> None:
    tested.execute("update channel set history_tests = '{rate}'")
    store(tested, [Stored(10 * n, 28.0 if n < 5 else 21.0) for n in range(10)])  # 4 an hour: 2 in a quarter
    judge(tested)
    assert flags(tested, "rate") == {50: 4}
    said = tested.execute("select score, words, words_en, reason from v_flag").fetchall()
    english = "21 is further from the readings before it than 12 an hour"
    assert said == [(3.5, "21 cách các giá trị trước đó quá 12 mỗi giờ", english, english)]  # 7 of 2
