"""Stored readings judged again: what the consumers would say, and of their own findings nothing else."""

import json
from datetime import datetime, timedelta

import psycopg
import pytest
from ruamel.yaml import YAML

from ingest.quality import consumer, device_consumer
from ingest.quality.rerun import CannotRerun, ChangedFindings, Rerun, RerunPerson, rerun
from quantrac.config.station_files import QualitySpec
from quantrac.database.feed import Cause, Consumer
from tests.fixtures.program import quantrac
from tests.integration.ingest.sonde import NOW, ROWS, STEP, T0, Row, store

LAN = RerunPerson("lan", "new limits")
WHOLE = Rerun(T0 - timedelta(days=1), NOW)
SPIKES: list[Row] = [(name, 50, 45.0, 0) if (name, at) == ("water_temp", 50) else (name, at, value, state)
                     for name, at, value, state in ROWS]  # fmt: skip
"""The sonde in air, and a spike of its thermometer."""
FOUND = [
    ChangedFindings("st-test/do", "out_of_water", 0, 6, 0),
    ChangedFindings("st-test/ph", "out_of_water", 0, 4, 0),
    ChangedFindings("st-test/salinity", "out_of_water", 0, 6, 0),
    ChangedFindings("st-test/water_temp", "out_of_water", 0, 6, 0),
    ChangedFindings("st-test/water_temp", "spike", 0, 1, 0),
]


def again(conn: psycopg.Connection, wanted: Rerun = WHOLE, *, dry: bool = False) -> list[ChangedFindings]:
    return rerun(conn, wanted, lambda: NOW, None if dry else LAN)


def standing(conn: psycopg.Connection) -> set[tuple[str, datetime, str | None, int]]:
    """Every finding and verdict that counts."""
    rows = conn.execute(
        "select distinct on (channel, time, test) channel, time, test, flag from v_flag"
        " order by channel, time, test, flag_id desc"
    ).fetchall()
    return {row for row in rows if row[3] != 1}


def test_a_run_over_stored_readings_finds_what_the_consumers_find(sonde: psycopg.Connection) -> None:
    store(sonde, SPIKES)
    assert again(sonde, dry=True) == FOUND
    assert standing(sonde) == set(), "a dry run changes nothing"
    assert again(sonde, Rerun(T0 + 31 * STEP, T0 + 49 * STEP, ["st-test"], ["out_of_water"])) == [
        one._replace(fail=fail) for one, fail in zip(FOUND[:4], (4, 3, 4, 4), strict=True)
    ], "nothing but what was asked for: after < time <= until"
    assert again(sonde) == [one._replace(fail=fail) for one, fail in zip(FOUND, (2, 1, 2, 2, 1), strict=True)], (
        "the rest"
    )
    found = standing(sonde)
    assert again(sonde) == []
    sonde.execute("delete from reading_flag")
    for name, round_of in ((consumer.NAME, consumer.round_of), (device_consumer.NAME, device_consumer.round_of)):
        feed = Consumer(sonde, name, [Cause.READING])
        while round_of(sonde, feed, lambda: NOW):
            pass
    assert standing(sonde) == found


def test_only_findings_of_its_own_are_replaced(sonde: psycopg.Connection) -> None:
    store(sonde, SPIKES)
    (ph,) = sonde.execute("select channel_id from channel where channel = 'st-test/ph'").fetchone() or (0,)
    add = 'insert into reading_flag (channel_id, time, test, flag, "by", at) values (%s, %s, %s, %s, %s, %s)'
    others = [(None, 4, "lan"), ("companion", 3, "ledger"), ("spike", 3, "quality")]
    for test, flag, by in others:
        sonde.execute(add, [ph, T0 + 40 * STEP, test, flag, by, NOW])
    sonde.execute("update channel set history_tests = '{spike}' where name <> 'salinity'")
    again(sonde)
    sonde.execute("update channel set history_tests = '{out_of_water}'")
    assert again(sonde) == [
        *FOUND[:2], FOUND[3], ChangedFindings("st-test/water_temp", "spike", 0, 0, 1),
    ], "the spike went with its test, temperature, oxygen and pH have the other one now"  # fmt: skip
    assert {row[2:] for row in standing(sonde) if row[1] == T0 + 40 * STEP} == {(None, 4), ("companion", 3)}
    said = sonde.execute("select words_en from v_flag where test = 'spike' and flag = 1 order by flag_id").fetchall()
    assert said[-1] == ("withdrawn: the channel does not have this test any more",)
    acts = sonde.execute("select person, act, object, reason from v_audit").fetchall()
    assert set(acts) == {("lan", "judge again", f"station {name}", "new limits") for name in ("st-test", "st-my-thanh")}


def test_who_asks_for_a_test_or_a_station_that_is_not_there_learns_which_are(sonde: psycopg.Connection) -> None:
    with pytest.raises(CannotRerun, match=r"found test spikes, allowed .*flat.*out_of_water.*spike"):
        again(sonde, WHOLE._replace(tests=["spikes"]))
    with pytest.raises(CannotRerun, match="found station st-a, stations with tests: st-my-thanh, st-test"):
        again(sonde, WHOLE._replace(stations=["st-a"]))


def test_the_commands_print_what_changes_and_how_good_the_tests_are(sonde: psycopg.Connection, database: str) -> None:
    store(sonde, SPIKES)
    sonde.execute(
        'insert into reading_flag (channel_id, time, flag, "by", at) select channel_id, time,'
        " case when value = 0.1 then 4 else 1 end, 'lan', now() from reading join channel using (channel_id)"
        " where name = 'salinity'"
    )
    asked = ("quality", "run", "--from", "2026-05-01", "--to", "2026-06-01")
    would = quantrac(*asked, "--dry-run", "--tests", "out_of_water", database_url=database)
    assert would.stdout.splitlines()[-1] == "would change: 0 now suspect, 22 now fail, 0 withdrawn", would.stderr
    again(sonde)
    score = quantrac("quality", "score", "--json", "--parameter", "salinity", database_url=database)
    rows = {row["test"]: row for row in json.loads(score.stdout)}
    assert {test: (row["recall"], row["false_share"]) for test, row in rows.items()} == {
        **dict.fromkeys(("expect", "plausible", "range", "spike"), (0.0, 0.0)),
        **dict.fromkeys(("out_of_water", "together"), (1.0, 0.0)),
    }
    sonde.execute(
        "insert into reading select channel_id, %s + n * interval '10 minutes', 7.5 + 0.01 * (n %% 7), 0, 0, now()"
        " from channel, generate_series(1, 3000) n where channel = 'st-my-thanh/ph'",
        [T0],
    )
    fitted = quantrac(
        "quality", "fit", "--rest-is-good", "--station", "st-my-thanh", "--parameter", "ph", database_url=database
    )
    said = YAML(typ="safe").load(fitted.stdout)["devices"]["sonde"]["channels"]["ph"]["quality"]
    # Where the saw falls by 0.06: 0.01 beyond what the neighbours differ, 0.05 in the root of 20 minutes; above that.
    assert QualitySpec.model_validate(said).limits() == {
        "spike": 0.011,
        "rate": 0.087,
        "flat": 7200,
    }
    refused = quantrac("quality", "run", "--dry-run", database_url=database)
    assert (refused.returncode, "--from" in refused.stderr) == (2, True)
