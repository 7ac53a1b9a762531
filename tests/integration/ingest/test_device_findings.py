"""The consumer `devices`: findings on a device as one thing depend on its readings alone, not on how they came."""

import random

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ingest.quality import device_consumer as devices
from ingest.quality.devices import TestedDevices
from quantrac.database.feed import Cause, Consumer
from tests.fixtures.stations import add_channel
from tests.integration.ingest.sonde import IN_AIR, NOW, ROWS, STEP, T0, Row, blamed, store


def judge(conn: psycopg.Connection, known: TestedDevices) -> None:
    feed = Consumer(conn, devices.NAME, [Cause.READING])
    while devices.round_of(conn, feed, lambda: NOW, 50, known):
        pass


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
    sonde.execute("update channel set history_tests = '{spike}' where name in ('do', 'ph')")
    for name, score in (("water_temp", 2.4), ("salinity", 2.6)):
        sonde.execute("update channel set history_limits = %s where name = %s", [Jsonb({"out_of_water": score}), name])
    store(sonde, ROWS)
    judge(sonde, TestedDevices())
    assert blamed(sonde) == {("water_temp", at) for at in range(30, 36)}


def test_a_consumer_that_is_new_judges_what_is_stored(sonde: psycopg.Connection) -> None:
    store(sonde, ROWS)
    devices.judge_everything(sonde, lambda: NOW)
    assert blamed(sonde) == IN_AIR
    assert sonde.execute("select sum(rows) from change where cause = 'flag'").fetchone() == (len(IN_AIR),)


def test_what_a_station_file_names_no_more_silences_nobody(sonde: psycopg.Connection) -> None:
    """Conductivity would be asked before salinity: it is off, so nobody waits for its readings."""
    add_channel(sonde, "st-test", "ec", interval_s=10)
    sonde.execute(
        "update channel set device = 'sonde', history_tests = '{out_of_water}', active = false where name = 'ec'"
    )
    store(sonde, ROWS)
    judge(sonde, TestedDevices())
    assert blamed(sonde) == IN_AIR


@pytest.mark.parametrize("last", ["humidity", "pm2_5"])
def test_dust_has_the_humidity_of_the_station_beside_it_whichever_comes_later(
    sonde: psycopg.Connection, last: str
) -> None:
    for name, device in (("pm2_5", "dust"), ("humidity", "weather")):
        add_channel(sonde, "st-test", name, interval_s=600)
        sonde.execute(
            "update channel set device = %s, history_tests = '{humid_dust}' where name = %s and station = 'st-test'",
            [device, name],
        )
    fog = range(100, 110)
    rows: list[Row] = [("humidity", at, 98.0 if at in fog else 70.0, 0) for at in range(120)]
    rows += [("pm2_5", at, 90.0 if at in fog else 15.0, 0) for at in range(120)]
    known = TestedDevices()
    for piece in (False, True):
        store(sonde, [row for row in rows if (row[0] == last) == piece])
        judge(sonde, known)
    found = sonde.execute("select split_part(channel, '/', 2), time from v_flag where test = 'humid_dust' and flag = 3")
    # Humidity is that of a quarter of an hour: two readings, of which one is still dry at first.
    assert {(name, round((time - T0) / STEP)) for name, time in found} == {("pm2_5", at) for at in fog[1:]}


def test_a_day_that_is_off_what_is_usual_of_a_channel_is_doubted(sonde: psycopg.Connection) -> None:
    usual = {"climatology": [31.0, *[0.0] * 12, 1.5]}
    sonde.execute(
        "update channel set history_tests = '{climatology}', history_limits = %s where channel = 'st-test/water_temp'",
        [Jsonb(usual)],
    )
    store(sonde, ROWS)
    judge(sonde, TestedDevices())
    found = sonde.execute("select min(time), count(*), max(words_en) from v_flag where test = 'climatology'").fetchone()
    # Eight hours make a day; six values of 31.5 °C among 28 leave its mean at 28.5, 2.5 below what is usual.
    assert found is not None
    assert found[:2] == (T0 + 42 * STEP, 18)
    assert "off what is usual" in found[2]


def test_high_above_the_sea_a_channel_asks_for_less_and_is_suspect_from_there(sonde: psycopg.Connection) -> None:
    """At 20 °C fresh water is full with 9.09 mg/l at sea level, and with 7.7 mg/l at 85 % of its pressure."""
    sonde.execute("update channel set history_tests = '{supersaturated}' where name = 'do'")
    slots = range(300)  # 50 hours; what 36 hours hold is judged
    store(sonde, [row for at in slots for row in (("water_temp", at, 20.0, 0), ("do", at, 8.6, 0))])
    judge(sonde, TestedDevices())
    found = "select count(*), min(flag), max(flag) from v_flag where test = 'supersaturated'"
    assert sonde.execute(found).fetchone() == (0, None, None)
    sonde.execute("update channel set history_limits = %s where name = 'do'", [Jsonb({"supersaturated": 0.85})])
    devices.judge_everything(sonde, lambda: NOW)
    assert sonde.execute(found).fetchone() == (90, 3, 3)


def test_a_trained_model_doubts_what_is_like_what_people_rejected(sonde: psycopg.Connection) -> None:
    """One tree that asks how far a value lies below the highest of its hour, by the spread of the week: 0.2."""
    stump = {"feature": [0, -1, -1], "threshold": [5, 0, 0], "missing_left": [True] * 3, "left": [1, 0, 0],
             "right": [2, 0, 0], "value": [0, -2, 2]}  # fmt: skip
    model = {"version": 3, "threshold": 0.5, "features": ["under_hour"], "base": 0.0, "trees": [stump]}
    sonde.execute(
        "update channel set history_tests = '{trained}', history_limits = %s where channel = 'st-test/ph'",
        [Jsonb({"trained": model})],
    )
    store(sonde, [("ph", at, 6.0 if at == 400 else 7.5 + 0.1 * (at % 3), 0) for at in range(420)])
    judge(sonde, TestedDevices())
    found = sonde.execute("select time, flag, words, words_en from v_flag where test = 'trained'").fetchall()
    assert [(round((time - T0) / STEP), flag) for time, flag, *_ in found] == [(400, 3)]
    assert "xác suất 88 %, nghi ngờ từ 50 %" in found[0][2], "1 / (1 + exp(-2))"
    assert "probability 88 %, in doubt from 50 % on" in found[0][3]
