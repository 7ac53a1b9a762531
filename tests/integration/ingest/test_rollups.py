"""Hourly and daily values: what counts, what each kind makes of it, and equal bits whatever way the readings came."""

import math
import random
import statistics
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.quality.follower import Follower
from ingest.quality.service import works
from ingest.rollups import consumer as rollups
from ingest.rollups.consumer import RollupRounds, rebuild
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from tests.integration.ingest.given import Given, store_given

T0 = datetime(2026, 5, 1, tzinfo=UTC)
"""Seven hours into a local day."""
NOW = datetime(2026, 6, 2, tzinfo=UTC)
HOURLY = "select time, channel, value, mean, min, max, sd, count, expected, completeness, valid, received from v_hourly"
DAILY = HOURLY.replace("v_hourly", "v_daily")


def store(conn: psycopg.Connection, readings: Sequence[Given]) -> None:
    store_given(conn, "st-test", T0, readings, lambda _: NOW)


def follow(conn: psycopg.Connection, most: int = 100, rounds: RollupRounds | None = None) -> None:
    """Take all changes; `rounds` remembers what earlier ones wrote."""
    feed, rounds = Consumer(conn, rollups.NAME, rollups.CAUSES), rounds or RollupRounds()
    while rounds.round_of(conn, feed, most):
        pass


def hours(conn: psycopg.Connection, channel: str, what: str = "value") -> list[Any]:
    rows = conn.execute(f"select {what} from v_hourly where channel = %s order by time", [channel]).fetchall()
    return [row[0] if len(row) == 1 else row for row in rows]


def everything(conn: psycopg.Connection) -> list[list[tuple[Any, ...]]]:
    """All columns of both tables; floats as their bits."""
    return [
        [
            tuple(value.hex() if isinstance(value, float) else value for value in row)
            for row in conn.execute(f"select * from {table} order by channel_id, time")
        ]
        for table in ("hourly", "daily")
    ]


@pytest.fixture
def station(network: psycopg.Connection) -> psycopg.Connection:
    """st-test with channels of each kind, one reading a minute."""
    network.execute("update channel set interval_s = 60 where station = 'st-test'")
    for name, kind in (("wind_dir", "vector"), ("rain", "sum"), ("battery_v", "last")):
        network.execute(
            "insert into channel (station, name, parameter, unit, kind, interval_s)"
            " values ('st-test', %s, %s, '1', %s, 60)",
            [name, name, kind],
        )
    network.execute("delete from channel_interval")
    return network


def test_an_hour_holds_what_follows_its_start_and_its_own_end(station: psycopg.Connection) -> None:
    store(station, [Given("do", minute, float(minute)) for minute in range(121)])
    follow(station)
    rows = station.execute(f"{HOURLY} where channel = 'st-test/do' order by time").fetchall()
    assert [(row[0], row[7]) for row in rows] == [
        (T0 - timedelta(hours=1), 1),  # 00:00 itself
        (T0, 60),
        (T0 + timedelta(hours=1), 60),
    ]
    values = [float(minute) for minute in range(1, 61)]
    mean, low, high, sd = rows[1][3:7]
    assert (mean, low, high) == (30.5, 1.0, 60.0)
    assert sd == pytest.approx(statistics.stdev(values), rel=1e-12)
    assert rows[1][8:] == (60, 1.0, True, 60)
    assert rows[0][8:] == (60, pytest.approx(1 / 60), False, 1)


def test_a_number_whose_square_overflows_stops_no_rollup_even_where_a_person_passes_it(
    station: psycopg.Connection,
) -> None:
    for name, minute in (("do", 10), ("rain", 10), ("wind_dir", 10), ("battery_v", 10)):
        store(station, [Given(name, minute, 20.0), Given(name, minute + 1, 1e308), Given(name, minute + 2, -1e308)])
    follow(station)
    assert hours(station, "st-test/do", "value, count, received") == [(20.0, 1, 3)]
    assert [hours(station, f"st-test/{name}") for name in ("rain", "battery_v")] == [[20.0], [20.0]]


def test_a_station_that_sends_far_more_readings_of_an_hour_than_its_channels_make_is_told(
    station: psycopg.Connection,
) -> None:
    def told(*readings: Given) -> list[Any]:
        store(station, readings)
        follow(station, rounds=rounds)
        return station.execute("select station, count, detail from v_breach where kind = 'surplus'").fetchall()

    rounds = RollupRounds()
    say = "st-test/do: {} readings of the hour from 2026-05-01 00:00Z, 60 expected".format
    assert told(*(Given("do", 1 + n / 10, 5.0) for n in range(3 * 60 + 10))) == []
    assert told(Given("do", 50, 5.0)) == [("st-test", 1, say(191))]
    assert told(Given("do", 51, 5.0)) == [("st-test", 1, say(191))], "the same hour"
    assert station.execute("select last_at > first_at from v_breach").fetchall() == [(True,)], "it goes on"
    assert told(Given("do", 0.5, 5.0)) == [("st-test", 2, say(193))], "late, so that the hour is made anew"
    judged = NewChange("st-test", 0, T0, T0 + timedelta(minutes=30), 1, Cause.FLAG)
    number = "select channel_id from channel where channel = 'st-test/do'"
    with station.transaction():
        append_changes(station, [judged._replace(channel_id=channel_id) for (channel_id,) in station.execute(number)])
    assert told() == [("st-test", 2, say(193))], "a finding brings no reading"


def test_each_kind_has_its_own_value(station: psycopg.Connection) -> None:
    """Directions 350° and 10°, and 350°, 20° and 30°: means by the formula of the mean unit vector, with math."""
    directions = [350.0, 20.0, 30.0]
    store(station, [Given("wind_dir", 10, 350), Given("wind_dir", 20, 10)])
    store(station, [Given("wind_dir", 70 + n, each) for n, each in enumerate(directions)])
    store(station, [Given("wind_dir", 130, 90), Given("wind_dir", 131, 270)])  # cancel out
    store(station, [Given("rain", minute, 0.2) for minute in (10, 20, 30)])
    store(station, [Given("battery_v", 20, 12.1), Given("battery_v", 10, 12.7), Given("battery_v", 30, None, 7)])
    follow(station)
    east = sum(math.sin(math.radians(each)) for each in directions)
    north = sum(math.cos(math.radians(each)) for each in directions)
    found = hours(station, "st-test/wind_dir")
    assert min(found[0], 360 - found[0]) == pytest.approx(0, abs=1e-9)
    assert found[1] == pytest.approx(math.degrees(math.atan2(east, north)))
    assert found[2] is None
    assert hours(station, "st-test/rain") == [pytest.approx(0.6)]
    assert hours(station, "st-test/battery_v", "value, mean, count, received") == [(12.1, pytest.approx(12.4), 2, 3)]


def test_only_readings_that_are_not_failed_count(station: psycopg.Connection) -> None:
    """Calibration, maintenance, warm-up, fault, out of range and failed tests are out; suspect ones are in."""
    states = [Given("ph", minute, 100.0, state) for minute, state in enumerate((2, 3, 4, 5, 6), start=1)]
    store(station, [*states, Given("ph", 10, 100.0, 0, 2), Given("ph", 11, 100.0, 0, 4), Given("ph", 12, None, 7)])
    store(station, [Given("ph", 20, 7.0), Given("ph", 21, 8.0, 1), Given("ph", 22, 9.0, 0, 8)])
    follow(station)
    assert hours(station, "st-test/ph", "value, count, received, valid") == [(8.0, 3, 11, False)]


def number(conn: psycopg.Connection, name: str) -> int:
    row = conn.execute("select channel_id from channel where station = 'st-test' and name = %s", [name]).fetchone()
    assert row is not None
    return int(row[0])


def flag(conn: psycopg.Connection, name: str, minute: float, mark: int, test: str | None) -> None:
    time = T0 + timedelta(minutes=minute)
    with conn.transaction():
        conn.execute(
            'insert into reading_flag (channel_id, time, test, flag, "by", at) values (%s, %s, %s, %s, %s, now())',
            [number(conn, name), time, test, mark, "an"],
        )
        append_changes(conn, [NewChange("st-test", number(conn, name), time, time, 1, Cause.FLAG)])


def correct(conn: psycopg.Connection, name: str, minute: float, value: float | None) -> None:
    time = T0 + timedelta(minutes=minute)
    with conn.transaction():
        conn.execute(
            "update correction set revoked_by = 'an', revoked_at = now() where channel_id = %s and time = %s",
            [number(conn, name), time],
        )
        conn.execute(
            'insert into correction (channel_id, time, value, "by", reason, at, approved_by, approved_at)'
            " values (%s, %s, %s, 'an', 'fouled', now(), 'binh', now())",
            [number(conn, name), time, value],
        )
        append_changes(conn, [NewChange("st-test", number(conn, name), time, time, 1, Cause.CORRECTION)])


def test_flags_and_corrections_flow_through(station: psycopg.Connection) -> None:
    store(station, [Given("do", minute, 5.0) for minute in range(1, 60)] + [Given("do", 60, 65.0)])
    follow(station)
    assert hours(station, "st-test/do", "value, count") == [(6.0, 60)]
    flag(station, "do", 60, 4, "spike")
    follow(station)
    assert hours(station, "st-test/do", "value, count") == [(5.0, 59)]
    flag(station, "do", 60, 1, None)  # a person says it is good
    follow(station)
    assert hours(station, "st-test/do", "value, count") == [(6.0, 60)]
    correct(station, "do", 60, 11.0)
    follow(station)
    assert hours(station, "st-test/do", "value, count") == [(pytest.approx(5.1), 60)]
    assert station.execute("select count from v_daily where channel = 'st-test/do'").fetchall() == [(60,)]


def test_what_counts_is_what_the_view_of_readings_calls_not_failed(station: psycopg.Connection) -> None:
    chance = random.Random(7)
    some = [
        Given("do", n, chance.choice([None, 5.0, 6.0]), chance.randrange(8), chance.choice([0, 0, 2, 4, 8]))
        for n in range(300)
    ]
    store(station, [each._replace(tests=1) if each.value is None else each for each in some])
    for minute in range(0, 300, 7):
        flag(station, "do", minute, chance.choice([1, 3, 4]), chance.choice(["spike", "flat", None]))
        correct(station, "do", minute + 1, chance.choice([None, 7.0]))
    follow(station)
    by_view = """
    select bucket_start(time, '1 hour'), avg(value), count(value)::int from v_reading
    where channel = 'st-test/do' and quality <= 3 group by 1 order by 1
    """
    seen = {time: (mean, count) for time, mean, count in station.execute(by_view)}
    made = {time: (mean, count) for time, mean, count in station.execute("select time, mean, count from v_hourly")}
    assert {time: count for time, (_, count) in made.items() if count} == {t: n for t, (_, n) in seen.items() if n}
    for time, (mean, count) in seen.items():
        assert made[time][0] == (pytest.approx(mean) if count else None)


def test_a_local_day_is_made_of_its_hours(station: psycopg.Connection) -> None:
    """2 May in Vietnam is 17:00 UTC of 1 May to 17:00 UTC of 2 May; checked against numpy-free statistics."""
    chance = random.Random(3)
    start = 17 * 60
    values = [chance.gauss(6, 1) for _ in range(1440)]
    store(station, [Given("do", start + 1 + n, value) for n, value in enumerate(values)])
    store(station, [Given("do", start, 100.0), Given("do", start + 1441, 100.0)])  # the days before and after
    store(station, [Given("wind_dir", start + 1 + n, 355 + 10 * (n % 2) - 360 * (n % 2)) for n in range(600)])
    follow(station)
    row = station.execute(f"{DAILY} where channel = 'st-test/do' and time = %s", [T0 + timedelta(hours=17)]).fetchone()
    assert row is not None
    assert row[2:6] == (pytest.approx(statistics.fmean(values)),) * 2 + (min(values), max(values))
    assert row[6] == pytest.approx(statistics.stdev(values), rel=1e-9)
    assert row[7:] == (1440, 1440, 1.0, True, 1440)
    wind = station.execute("select value, valid from v_daily where channel = 'st-test/wind_dir'").fetchone()
    assert wind is not None
    assert min(wind[0], 360 - wind[0]) == pytest.approx(0, abs=1e-6)
    assert wind[1] is False


def test_the_share_that_makes_an_hour_valid_can_be_set(station: psycopg.Connection) -> None:
    store(station, [Given("do", minute, 5.0) for minute in range(1, 46)])
    follow(station)
    assert hours(station, "st-test/do", "completeness, valid") == [(0.75, True)]
    station.execute("update network set valid_share = 0.8")
    assert hours(station, "st-test/do", "completeness, valid") == [(0.75, False)]


def test_expected_readings_follow_the_interval_that_was_in_force(station: psycopg.Connection) -> None:
    channel = number(station, "do")
    station.execute("update channel set interval_s = 300 where channel_id = %s", [channel])
    station.execute("update channel_interval set during = %s::tstzmultirange", [f"{{(,{T0 + timedelta(minutes=30)}]}}"])
    store(station, [Given("do", minute, 5.0) for minute in (-1, 1, 61)])
    follow(station)
    assert hours(station, "st-test/do", "expected") == [60, 30 + 6, 12]


def test_an_hour_that_grows_follows_another_interval_and_reads_only_what_is_new(station: psycopg.Connection) -> None:
    """The readings that are in the hour already are made worse behind its back: nobody looks at them again."""
    store(station, [Given("do", minute, 5.0) for minute in range(1, 31)])
    follow(station)
    station.execute("update reading set value = 99")
    store(station, [Given("do", 31, 6.0)])
    follow(station)
    assert hours(station, "st-test/do", "max, count, expected") == [(6.0, 31, 60)]
    assert station.execute("select max, count from v_daily").fetchall() == [(6.0, 31)]
    now = T0 + timedelta(minutes=40)
    with station.transaction():
        station.execute("update channel set interval_s = 30 where channel = 'st-test/do'")
        station.execute("update channel_interval set during = %s::tstzmultirange", [f"{{(,{now}]}}"])
        append_changes(station, [NewChange("st-test", None, now, now, 0, Cause.CONFIGURATION)])
    follow(station)
    assert hours(station, "st-test/do", "max, count, expected") == [(99.0, 31, 40 + 40)]


def test_an_hour_that_another_wrote_or_deleted_meanwhile_is_read_again(station: psycopg.Connection) -> None:
    rounds = RollupRounds()
    store(station, [Given("do", minute, 5.0) for minute in range(1, 11)])
    follow(station, rounds=rounds)
    store(station, [Given("do", minute, 6.0) for minute in (11, 12)])
    list(rebuild(station))
    store(station, [Given("do", 13, 7.0)])
    follow(station, rounds=rounds)
    assert hours(station, "st-test/do", "max, count") == [(7.0, 13)]
    station.execute("delete from hourly")
    store(station, [Given("do", 14, 8.0)])
    follow(station, rounds=rounds)
    assert hours(station, "st-test/do", "min, max, count") == [(5.0, 8.0, 14)]


def test_days_that_are_owed_are_made_some_at_a_time(
    station: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "DAYS_A_ROUND", 2)
    rounds, feed = RollupRounds(), Consumer(station, rollups.NAME, rollups.CAUSES)
    made = []
    for minute in range(3):
        for day in range(5):
            store(station, [Given("do", day * 1440 + minute, float(day))])
        assert len(rounds.round_of(station, feed)) == 5
        for _ in range(4):
            rounds.round_of(station, feed)
            made.append(station.execute("select sum(count) from v_daily").fetchone())
    assert made == [(count,) for count in (2, 4, 5, 5, 7, 9, 10, 10, 12, 14, 15, 15)]
    assert station.execute("select count(*) from owed_day").fetchone() == (0,)


def test_hours_whose_readings_were_dropped_stay(station: psycopg.Connection) -> None:
    store(station, [Given("do", minute, 5.0) for minute in range(1, 61)])
    follow(station)
    (week,) = station.execute(
        "select min(range_end) from timescaledb_information.chunks where hypertable_name = 'reading'"
    ).fetchone() or (None,)
    station.execute("insert into dropped values ('reading', %s)", [week])
    station.execute("delete from reading")
    store(station, [Given("do", 5.5, 50.0)])  # a straggler
    follow(station)
    list(rebuild(station))
    assert hours(station, "st-test/do", "value, count") == [(5.0, 60)]


def test_a_consumer_that_the_feed_does_not_know_makes_everything_first(
    station: psycopg.Connection, database: str
) -> None:
    """Nothing is skipped when the feed has been pruned past what a new, or forgotten, consumer would have needed."""
    import threading

    store(station, [Given("do", minute, 5.0) for minute in range(1, 61)])
    station.execute("update channel set history_tests = '{spike}'")
    store(station, [Given("do", 30.5, 50.0)])
    station.execute("delete from change")
    station.execute("delete from consumer")
    for work in works(lambda: NOW):
        follower = Follower(work, lambda: NOW, threading.Event())
        with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
            feed = follower.consumer(conn)
            while work.round_of(conn, feed):
                pass
    assert station.execute("select time, flag from reading_flag").fetchall() == [(T0 + timedelta(minutes=30.5), 4)]
    assert hours(station, "st-test/do", "value, count") == [(5.0, 60)]
    assert station.execute("select count(*) from v_feed where lag_rows = 0").fetchone() == (len(works(lambda: NOW)),)


def month(chance: random.Random, days: int) -> list[Given]:
    """Readings of every kind each 20 minutes, with gaps, states and values whose sums depend on their order."""
    return [
        Given(name, minute, None if state == 7 else chance.uniform(0, 360) * 10 ** chance.randrange(-3, 1), state)
        for minute in range(0, days * 1440, 20)
        for name in ("do", "wind_dir", "rain", "battery_v")
        if chance.random() > 0.1
        for state in [chance.choice([0, 0, 0, 0, 1, 4, 7])]
    ]


def pieces(readings: Sequence[Given], size: int) -> Iterable[Sequence[Given]]:
    return [readings[at : at + size] for at in range(0, len(readings), size)]


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), way=st.sampled_from(["live", "shuffled", "backfill"]))
def test_a_month_gives_equal_bits_however_it_comes(station: psycopg.Connection, seed: int, way: str) -> None:
    for table in ("reading", "reading_flag", "correction", "change", "hourly", "daily", "owed_day", "consumer"):
        station.execute(f"truncate {table}")
    chance, rounds = random.Random(seed), RollupRounds()
    readings = month(chance, 31)
    if way == "backfill":
        newest, older = readings[len(readings) // 2 :], readings[: len(readings) // 2]
        parts = [*pieces(newest, 400), *pieces(older, 4000)]
    else:
        parts = [*pieces(readings, 300)]
    if way == "shuffled":
        chance.shuffle(readings)
        parts = [*pieces(readings, 1500)]
    for part in parts:
        store(station, part)
        if chance.random() < 0.2:
            flag(station, "do", part[0].minute, 4, "spike")
        if chance.random() < 0.1:
            correct(station, "rain", part[-1].minute, 0.3)
        if chance.random() < 0.3:
            follow(station, 40, rounds)
        if chance.random() < 0.1:
            rounds = RollupRounds()
    follow(station, rounds=rounds)
    arrived = everything(station)
    assert len(arrived[0]) > 2000
    station.execute("truncate hourly, daily")
    list(rebuild(station))
    assert everything(station) == arrived


def test_the_rights_of_ingest_are_enough(station: psycopg.Connection) -> None:
    store(station, [Given("do", minute, 5.0) for minute in range(1, 61)])
    station.execute("update network set hourly_kept = interval '4000 days'")
    station.execute("set role quantrac_ingest")
    follow(station)
    store(station, [Given("do", 5.5, 50.0)])
    follow(station)
    list(rebuild(station))
    rollups.make_everything(station)
    assert station.execute("select drop_rollups_before('hourly', now() - interval '4000 days')").fetchall() == []
    station.execute("reset role")
    assert hours(station, "st-test/do", "count") == [61]
