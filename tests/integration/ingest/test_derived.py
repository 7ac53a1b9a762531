"""The consumer `derived`: values follow the readings as they stand, whatever way these came, and go on to the feed."""

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ingest.derived import consumer as derived
from ingest.quality import consumer as quality
from ingest.quality.follower import Follower
from ingest.quality.service import works
from ingest.rollups import consumer as rollups
from ingest.rollups.consumer import rebuild as rebuild_hours
from quantrac.database.feed import Cause, Consumer, NewChange, append_changes
from tests.integration.ingest.given import Given, numbers, store_given
from tests.integration.ingest.test_rollups import everything

T0 = datetime(2026, 5, 1, tzinfo=UTC)
"""Seven hours into a local day."""
NOW = datetime(2026, 6, 2, tzinfo=UTC)
MEASURED = ("water_temp", "ph", "salinity", "nh4_n", "o3", "pm10")
DERIVED = {
    "nh3": ("nh3", 60, "toxic-ammonia", {name: name for name in ("nh4_n", "ph", "water_temp", "salinity")}),
    "o3_1h": ("o3", 3600, "mean-1h", {"of": "o3"}),
    "pm10_1h": ("pm10", 3600, "mean-1h", {"of": "pm10"}),
    "o3_8h": ("o3", 3600, "mean-8h", {"of": "o3_1h"}),
    "aqi_hour": ("vn_aqi", 3600, "vn-aqi-hour", {"o3": "o3_1h", "pm10": "pm10_1h"}),
    "aqi_day": ("vn_aqi", 86400, "vn-aqi-day", {"o3": "o3_1h", "pm10": "pm10_1h", "o3_8h": "o3_8h"}),
}


@pytest.fixture
def station(network: psycopg.Connection) -> psycopg.Connection:
    """st-air, with readings each minute and derived channels as `stations apply` writes them."""
    network.execute(
        "insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)"
        " values ('st-air', 'Khí', 'Air', '2019-01-01Z', '{}', 'x', now())"
    )
    for name in MEASURED:
        add_channel(network, name, name, 60, "mean", derived=False)
    for name, (parameter, interval, formula, inputs) in DERIVED.items():
        add_channel(network, name, parameter, interval, "last" if parameter == "vn_aqi" else "mean", derived=True)
        known = numbers(network, "st-air")
        network.execute(
            "insert into derived_channel (channel_id, formula, inputs) values (%s, %s, %s)",
            [known[name], formula, Jsonb({entry: known[channel] for entry, channel in inputs.items()})],
        )
    return network


def add_channel(
    conn: psycopg.Connection, name: str, parameter: str, interval: int, kind: str, *, derived: bool
) -> None:
    conn.execute(
        "insert into channel (station, name, parameter, unit, kind, interval_s, derived)"
        " values ('st-air', %s, %s, '1', %s, %s, %s)",
        [name, parameter, kind, interval, derived],
    )


def store(conn: psycopg.Connection, readings: Sequence[Given]) -> None:
    store_given(
        conn, "st-air", T0, readings,
        lambda one: max(NOW, at(one.minute)) + timedelta(seconds=one.minute),
    )  # fmt: skip


def at(minute: float) -> datetime:
    return T0 + timedelta(minutes=minute)


def derive(conn: psycopg.Connection, most: int = 100) -> None:
    feed = Consumer(conn, derived.NAME, derived.CAUSES, after=derived.AFTER)
    rounds = derived.DerivedRounds()
    while rounds.round_of(conn, feed, most):
        pass


def values(conn: psycopg.Connection, name: str, what: str = "value") -> dict[float, Any]:
    """By minute after T0."""
    rows = conn.execute(f"select time, {what} from v_reading where channel = %s order by time", [f"st-air/{name}"])
    return {(time - T0) / timedelta(minutes=1): rest[0] if len(rest) == 1 else tuple(rest) for time, *rest in rows}


def bits(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    rows = conn.execute("select * from derived_reading order by channel_id, time").fetchall()
    return [tuple(value.hex() if isinstance(value, float) else value for value in row) for row in rows]


def hour(name: str, number: int, value: float, count: int = 60) -> list[Given]:
    """The readings of an hour (0: the first), the last at its very end."""
    return [Given(name, 60 * number + 61 - minute, value) for minute in range(1, count + 1)]


SONDE = (("nh4_n", 1.0), ("ph", 8.0), ("water_temp", 28.0), ("salinity", 20.0))


def test_toxic_ammonia_is_a_channel_like_others(station: psycopg.Connection) -> None:
    """At 28 °C, 20 ‰ and pH 8 the unionised share is 0.0606 (EPA 440/5-88-004); an ion probe: share / (1 - share)."""
    store(station, [Given(name, 1, value) for name, value in SONDE])
    derive(station)
    expected = 0.0606 / (1 - 0.0606) * 17.031 / 14.007
    assert values(station, "nh3")[1] == pytest.approx(expected, rel=0.005)
    latest = station.execute("select time, value, quality, state from v_latest where channel = 'st-air/nh3'").fetchone()
    assert latest is not None
    assert latest[0] == at(1)
    assert latest[2:] == (1, "ok")
    assert station.execute("select derived from v_channel where channel = 'st-air/nh3'").fetchone() == (True,)


def test_quality_follows_the_worst_input_and_a_missing_one_makes_null(station: psycopg.Connection) -> None:
    for minute, changed in enumerate(
        [Given("ph", 0, 8.0, 1), Given("ph", 1, 8.0, 0, 4), Given("ph", 2, None, 7, 1), Given("salinity", 3, 20.0, 4)]
    ):
        store(station, [changed] + [Given(n, minute, v) for n, v in SONDE if n != changed.name])
    store(station, [Given(name, 4, value) for name, value in SONDE if name != "ph"])
    derive(station)
    seen = values(station, "nh3", "value is null, state, quality")
    assert seen == {0: (False, "suspect", 3), 1: (False, "ok", 4), 2: (True, "comm", 9), 3: (False, "maint", 4)}


def test_an_hour_needs_three_quarters_of_its_readings_and_its_end(station: psycopg.Connection) -> None:
    store(station, hour("o3", 0, 50.0) + hour("o3", 1, 80.0, 45) + hour("o3", 2, 90.0, 44) + hour("o3", 3, 60.0, 59))
    derive(station)
    assert values(station, "o3_1h", "value, quality, state") == {
        60: (50.0, 1, "ok"), 120: (80.0, 1, "ok"), 180: (None, 9, "comm"), 240: (60.0, 1, "ok")
    }  # fmt: skip
    store(station, [Given("o3", minute, 70.0) for minute in range(241, 300)])
    derive(station)
    assert 300 not in values(station, "o3_1h")
    store(station, [Given("o3", 301, 1.0)])  # the last minute never came; the next hour has begun
    derive(station)
    assert values(station, "o3_1h")[300] == 70.0


def test_an_hour_before_a_long_gap_is_made_when_readings_come_again(station: psycopg.Connection) -> None:
    store(station, [Given("o3", minute, 70.0) for minute in range(1, 60)])
    derive(station)
    assert values(station, "o3_1h") == {}
    store(station, [Given("o3", 60 * 24 * 10 + 30, 1.0)])
    derive(station)
    assert values(station, "o3_1h") == {60: 70.0}


def test_moving_means_and_indices_of_a_day(station: psycopg.Connection) -> None:
    """Ozone 114 all day: 36 by the hour, and 85 by 8 hours, where 100 to 120 µg/m³ is index 50 to 100."""
    readings = [each for number in range(30) for each in hour("o3", number, 114.0) + hour("pm10", number, 40.0)]
    store(station, readings)
    derive(station)
    eight = values(station, "o3_8h")
    assert [eight[60.0 * n] for n in range(1, 7)] == [None] * 5 + [pytest.approx(114.0)]
    assert values(station, "aqi_hour")[120] == 40  # PM10 40 of 50: index 40; ozone 36
    assert values(station, "aqi_hour")[60] is None  # nowcast needs two of three hours
    day = values(station, "aqi_day", "value, quality")
    assert day == {17 * 60.0: (None, 9)}  # the first local day: 17 hours of 24 are too few
    store(
        station, [each for number in range(30, 41) for each in hour("o3", number, 114.0) + hour("pm10", number, 40.0)]
    )
    derive(station)
    assert values(station, "aqi_day", "value, quality")[41 * 60.0] == (85, 1)


def test_in_another_time_zone_the_index_of_a_day_is_made_anew(station: psycopg.Connection) -> None:
    """UTC+7, then UTC+9: T0 is seven, then nine hours into a local day."""
    store(station, [each for number in range(41) for each in hour("o3", number, 114.0) + hour("pm10", number, 40.0)])
    derive(station)
    assert values(station, "aqi_day") == {17 * 60.0: None, 41 * 60.0: 85}
    station.execute("update network set time_zone = 'Asia/Jayapura'")
    derive(station)
    assert values(station, "aqi_day") == {15 * 60.0: None, 39 * 60.0: 85}


def test_a_verdict_and_a_correction_flow_through_to_the_index(station: psycopg.Connection) -> None:
    for name, level in (("o3", 60.0), ("pm10", 40.0)):
        store(station, [each for number in range(4) for each in hour(name, number, level)])
    derive(station)
    assert values(station, "aqi_hour")[240] == 40
    number = numbers(station, "st-air")["pm10"]
    with station.transaction():
        for minute in range(181, 241):
            station.execute(
                'insert into correction (channel_id, time, value, "by", reason, at, approved_by, approved_at)'
                " values (%s, %s, 100, 'an', 'x', now(), 'binh', now())",
                [number, at(minute)],
            )
        append_changes(station, [NewChange("st-air", number, at(181), at(240), 60, "correction")])
    before = causes(station)
    derive(station)
    assert values(station, "pm10_1h")[240] == 100.0
    assert values(station, "aqi_hour")[240] > 60
    new = causes(station)[len(before) :]
    assert {cause for _, cause in new} == {"correction"}
    assert {name for name, _ in new} == {"pm10_1h", "aqi_hour"}
    position = station.execute("select lag_rows from v_feed where consumer = 'derived'").fetchone()
    assert position == (0,)
    derive(station)
    assert len(causes(station)) == len(before) + len(new)


def causes(conn: psycopg.Connection) -> list[tuple[str, str]]:
    return conn.execute(
        "select c.name, n.cause from change n join channel c on c.channel_id = any(n.channels)"
        " where c.derived order by n.id"
    ).fetchall()


def test_new_values_are_told_as_readings(station: psycopg.Connection) -> None:
    derive(station)  # channels that are new: all of their past, there is none
    store(station, [Given(name, minute, value) for minute in (1, 2, 3) for name, value in SONDE])
    derive(station)
    rows = station.execute(
        "select from_t, to_t, rows, cause from change n join channel c on c.channel_id = any(n.channels)"
        " where c.name = 'nh3'"
    ).fetchall()
    assert rows == [(at(1), at(3), 3, "reading")]


def test_a_spike_is_judged_before_anything_is_made_of_it(station: psycopg.Connection) -> None:
    station.execute("update channel set history_tests = '{spike}' where name = 'ph' and station = 'st-air'")
    feed_of_quality = Consumer(station, quality.NAME, [Cause.READING])
    for minute in range(10):
        store(station, [Given(n, minute, 13.0 if n == "ph" and minute == 5 else v) for n, v in SONDE])
    derive(station)
    assert values(station, "nh3") == {}
    while quality.round_of(station, feed_of_quality, lambda: NOW, 100):
        pass
    derive(station)
    seen = values(station, "nh3", "quality")
    assert [seen[minute] for minute in range(10)] == [1, 1, 1, 1, 1, 4, 1, 1, 1, 1]


def test_another_definition_makes_all_anew_and_another_share_too(station: psycopg.Connection) -> None:
    store(station, [Given(name, 1, value) for name, value in SONDE] + hour("o3", 0, 50.0, 40) + hour("o3", 1, 50.0))
    derive(station)
    ion = values(station, "nh3")[1]
    assert values(station, "o3_1h")[60] is None
    station.execute("""update derived_channel set options = '{"probe": "total"}' where formula = 'toxic-ammonia'""")
    station.execute("update network set valid_share = 0.5")
    derive(station)
    assert values(station, "nh3")[1] == pytest.approx(ion * (1 - 0.0606), rel=0.005)
    assert values(station, "o3_1h")[60] == 50.0
    assert {cause for _, cause in causes(station)[-2:]} == {"correction"}


def weather(chance: random.Random, hours: int) -> list[Given]:
    """Some hours of everything, with gaps, faults and suspects."""
    found = []
    for minute in range(1, 60 * hours + 1):
        for name in MEASURED:
            if chance.random() < 0.06 + 0.3 * (minute // 60 % 5 == 3):
                continue
            state = chance.choice([0] * 30 + [1, 4, 7])
            value = round(chance.uniform(20, 90) if name in ("o3", "pm10") else chance.uniform(1, 9), 2)
            found.append(Given(name, minute, None if state == 7 else value, state, int(state == 7)))
    return found


class Counting(psycopg.Connection[Any]):
    """A connection that keeps its statements."""

    statements: list[str]

    def execute(self, query: Any, *rest: Any, **options: Any) -> psycopg.Cursor[Any]:
        self.statements = [*getattr(self, "statements", ()), str(query)]
        return super().execute(query, *rest, **options)


def test_a_round_asks_as_often_for_many_derived_channels_as_for_one(station: psycopg.Connection, database: str) -> None:
    """Three or four statements a channel made 4,400 a minute at 200 stations; the lag of `derived` was 8.6 s."""
    asked = []
    with Counting.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        feed, rounds = Consumer(conn, derived.NAME, derived.CAUSES, after=derived.AFTER), derived.DerivedRounds()
        for number in range(3):
            rounds.round_of(conn, feed)
            store(station, [Given(name, 120 * number + 1, value) for name, value in SONDE])
            store(station, hour("o3", 2 * number, 50.0) + hour("pm10", 2 * number, 40.0))
            conn.statements = []
            rounds.round_of(conn, feed)
            asked.append(len(conn.statements))
            add_more(station, 10)
    several = sorted(values(station, "more_nh3_9")), sorted(values(station, "more_mean_9"))
    assert several == ([1, 121, 241], [60, 180, 300])
    assert asked[0] == asked[1] == asked[2]


def add_more(conn: psycopg.Connection, count: int) -> None:
    """Add derived channels of the same inputs, and tell the feed, as `stations apply` does."""
    known = numbers(conn, "st-air")
    with conn.transaction():
        for number in range(count):
            for kind, like in (("nh3", "nh3"), ("mean", "o3_1h")):
                if (name := f"more_{kind}_{number}") not in known:
                    add_channel(conn, name, DERIVED[like][0], DERIVED[like][1], "mean", derived=True)
                    conn.execute(
                        "insert into derived_channel (channel_id, formula, inputs)"
                        " select %s, formula, inputs from derived_channel where channel_id = %s",
                        [numbers(conn, "st-air")[name], known[like]],
                    )
        append_changes(conn, [NewChange("st-air", None, NOW, NOW, 0, "configuration")])


def test_what_is_derived_is_read_again_only_when_something_was_applied(
    station: psycopg.Connection, database: str
) -> None:
    def reads() -> int:
        before = sum("from derived_channel" in statement for statement in conn.statements)
        while rounds.round_of(conn, feed):
            pass
        return sum("from derived_channel" in statement for statement in conn.statements) - before

    with Counting.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        feed, rounds = Consumer(conn, derived.NAME, derived.CAUSES, after=derived.AFTER), derived.DerivedRounds()
        assert reads() == 1
        store(station, [Given(name, 1, value) for name, value in SONDE])
        assert reads() == 0
        assert list(values(station, "nh3")) == [1]
        add_more(station, 1)
        assert reads() == 1
        assert list(values(station, "more_nh3_0")) == [1]
        station.execute("update network set valid_share = 0.5")  # a setting of the network is no change of a station
        assert reads() == 1
        with station.transaction():
            station.execute("update channel set active = false where name = 'more_nh3_0'")
            append_changes(station, [NewChange("st-air", None, NOW, NOW, 0, "configuration")])
        store(station, [Given(name, 2, value) for name, value in SONDE])
        assert reads() == 1
        assert (list(values(station, "nh3")), list(values(station, "more_nh3_0"))) == ([1, 2], [1])
        feed = Consumer(conn, derived.NAME, derived.CAUSES, after=derived.AFTER)
        assert reads() == 1, "one that begins anew cannot know what another process was told meanwhile"


def test_changes_of_nothing_that_anything_is_made_of_cost_no_look_at_readings(
    station: psycopg.Connection, database: str
) -> None:
    add_channel(station, "turbidity", "turbidity", 60, "mean", derived=False)
    with Counting.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        feed, rounds = Consumer(conn, derived.NAME, derived.CAUSES, after=derived.AFTER), derived.DerivedRounds()
        rounds.round_of(conn, feed)
        store(station, [Given("turbidity", minute, 3.0) for minute in range(100)])
        conn.statements = []
        assert rounds.round_of(conn, feed)
        assert not [each for each in conn.statements if "reading" in each]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_gives_the_bits_of_a_rebuild(station: psycopg.Connection, seed: int) -> None:
    """Late, twice, shuffled, with verdicts and corrections between; hours and days of the derived channels as well."""
    chance = random.Random(seed)
    readings = weather(chance, 18)
    pieces = [readings[at : at + 211] for at in range(0, len(readings), 211)]
    pieces += [chance.choice(pieces) for _ in range(3)]
    late = [chance.sample(readings, 20) for _ in range(3)]
    chance.shuffle(pieces)
    for piece in pieces + late:
        store(station, piece)
        if chance.random() < 0.4:
            amend(station, chance.choice(piece), chance)
        if chance.random() < 0.7:
            derive(station, chance.choice([1, 7, 100]))
    derive(station)
    rolling_feed = Consumer(station, rollups.NAME, rollups.CAUSES)
    rounds = rollups.RollupRounds()
    while rounds.round_of(station, rolling_feed, 50):
        pass
    found, hours = bits(station), everything(station)
    assert {row[0] for row in found} == {numbers(station, "st-air")[name] for name in DERIVED}
    station.execute("truncate derived_reading, hourly, daily")
    derived.make_everything(station)
    for _ in rebuild_hours(station):
        pass
    assert bits(station) == found
    assert everything(station) == hours


def amend(conn: psycopg.Connection, reading: Given, chance: random.Random) -> None:
    number, time = numbers(conn, "st-air")[reading.name], at(reading.minute)
    with conn.transaction():
        cause = chance.choice(["flag", "correction"])
        if cause == "flag":
            conn.execute(
                "insert into reading_flag (channel_id, time, flag, \"by\", at) values (%s, %s, %s, 'an', now())",
                [number, time, chance.choice([1, 2, 3, 4])],
            )
        else:
            conn.execute(
                'insert into correction (channel_id, time, value, "by", reason, at, approved_by, approved_at)'
                " values (%s, %s, 5.5, 'an', 'x', now(), 'binh', now()) on conflict do nothing",
                [number, time],
            )
        append_changes(conn, [NewChange("st-air", number, time, time, 1, cause)])


def test_values_whose_readings_were_dropped_stay(station: psycopg.Connection) -> None:
    store(station, hour("o3", 0, 50.0) + hour("o3", 24 * 9, 60.0))
    derive(station)
    before = values(station, "o3_1h")
    station.execute("insert into dropped values ('reading', %s)", [T0 + timedelta(days=6)])
    station.execute("delete from reading where time < %s", [T0 + timedelta(days=6)])
    station.execute("update network set valid_share = 0.5")
    derive(station)
    assert values(station, "o3_1h") == before
    store(station, [Given("o3", 30, 1.0)])
    derive(station)
    assert values(station, "o3_1h") == before


def test_a_consumer_that_is_new_misses_nothing_that_quality_has_yet_to_judge(
    station: psycopg.Connection, database: str
) -> None:
    station.execute("update channel set history_tests = '{spike}' where name = 'ph' and station = 'st-air'")
    feed_of_quality = Consumer(station, quality.NAME, [Cause.READING])
    store(station, [Given(name, minute, value) for minute in range(3) for name, value in SONDE])
    work = next(each for each in works(lambda: NOW) if each.name == derived.NAME)
    with psycopg.connect(database, autocommit=True, options="-c TimeZone=UTC") as conn:
        feed = Follower(work, lambda: NOW, threading.Event()).consumer(conn)
        assert values(station, "nh3") == {}
        while quality.round_of(station, feed_of_quality, lambda: NOW, 100):
            pass
        while work.round_of(conn, feed):
            pass
    assert list(values(station, "nh3")) == [0, 1, 2]
