"""The commands about the database, as a person or a script calls them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.fixtures import program
from tests.fixtures.program import PROJECT
from tests.fixtures.timing import eventually

JOBS = {
    "silence", "watch", "calibrations", "prune-feed", "prune-letters", "prune-records", "retention", "causes",
    "compress", "order-hours", "bulletin-water-week",
}  # fmt: skip


def quantrac(url: str, *words: object) -> subprocess.CompletedProcess[str]:
    return program.quantrac(*words, database_url=url)


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            """insert into station (station, name_vi, name_en, in_service, config, config_applied, applied_at)
               values ('st-test', 'Trạm thử', 'Test', '2019-06-01', '{}', 'abc', now());
               insert into channel (station, name, parameter, unit, kind, interval_s)
               values ('st-test', 'do', 'do', 'mg/L', 'mean', 60);
               insert into reading values (1, '2026-11-24 00:00Z', 5.25, 0, 0, '2026-11-24 00:00:01Z'),
                                          (1, '2026-11-24 00:01Z', null, 7, 1, '2026-11-24 00:01:01Z');
               insert into ledger (station, epoch, highest_arrived, stored, received, new)
               values ('st-test', 'e1', 2, '{[1,2]}', 2, 2);
               insert into dead_letter (first_received_at, received_at, topic, payload, length, sha256, reason, status)
               values (now(), now(), 'quantrac/v1/st-test/readings', '{"', 2, sha256('{"'), 'not_json', 'open')"""
        )
    return database


def test_migrate_twice_and_status_between(empty_database: str) -> None:
    before = quantrac(empty_database, "db", "status", "--json")
    assert before.returncode == 1
    assert json.loads(before.stdout)["pending"][0] == "0001_words"
    first = quantrac(empty_database, "db", "migrate")
    assert (first.returncode, first.stdout.splitlines()[0]) == (0, "applied 0001_words")
    assert quantrac(empty_database, "db", "migrate").stdout == "nothing to do: the database is at this version\n"
    assert quantrac(empty_database, "db", "status").returncode == 0
    assert quantrac(empty_database, "db", "tune").returncode == 0


def test_the_ledger_says_by_its_exit_code_whether_anything_is_missing(filled: str) -> None:
    run = quantrac(filled, "ledger", "--json")
    assert run.returncode == 0
    assert json.loads(run.stdout)["total"]["stored"] == 2
    with psycopg.connect(filled, autocommit=True) as conn:
        conn.execute("update ledger set highest_arrived = 3")
    assert quantrac(filled, "ledger").returncode == 1


def test_dead_letters_are_listed_shown_and_discarded(filled: str) -> None:
    assert "not_json" in quantrac(filled, "deadletters", "list").stdout
    assert quantrac(filled, "deadletters", "show", "1").stdout.endswith('{"\n')
    assert quantrac(filled, "deadletters", "discard", "1", "--reason", " ").returncode == 2
    words = ["discard", "1", "--reason", "test", "--person", "an", "--json"]
    assert json.loads(quantrac(filled, "deadletters", *words).stdout)["status"] == "discarded"
    assert json.loads(quantrac(filled, "deadletters", "list", "--json").stdout) == []
    again = quantrac(filled, "deadletters", "discard", "1", "--reason", "test")
    assert (again.returncode, again.stderr) == (1, "dead letter 1 is discarded already (by an)\n")
    assert quantrac(filled, "deadletters", "show", "7").returncode == 2
    assert quantrac(filled, "deadletters", "discard", "--reason", "which?").returncode == 2
    many = quantrac(filled, "deadletters", "discard", "--reason", "all", "1", "9")
    assert (many.returncode, many.stdout.splitlines()[-1]) == (1, "0 done, 2 failed")
    of_none = quantrac(filled, "deadletters", "replay", "--station", "st-my-thanh", "--misfit", "not_json", "--json")
    assert (of_none.returncode, of_none.stdout) == (0, "[]\n")


def test_an_export_goes_to_stdout_or_to_a_file(filled: str, tmp_path: Path) -> None:
    run = quantrac(filled, "export", "readings", "--from", "2026-11-24", "--to", "2026-11-25")
    rows = list(csv.DictReader(io.StringIO(run.stdout)))
    assert [(row["value"], row["unit"], row["state"], row["quality"]) for row in rows] == [
        ("5.25", "mg/L", "ok", "1"), ("", "mg/L", "comm", "9"),
    ]  # fmt: skip
    target = tmp_path / "do.xlsx"
    words = ["export", "readings", "--from", "2026-11-24", "--to", "2026-11-25", "--format", "xlsx"]
    assert quantrac(filled, *words, "-o", str(target)).returncode == 0
    assert target.read_bytes()[:2] == b"PK"
    wrong = quantrac(filled, *words, "--channel", "st-test/dox", "-o", str(tmp_path / "no.xlsx"))
    assert (wrong.returncode, list(tmp_path.iterdir())) == (2, [target])


def test_jobs_run_what_is_due_at_once_and_stop_when_told(filled: str, tmp_path: Path) -> None:
    done = "select job from job_run where outcome = 'done'"
    with psycopg.connect(filled, autocommit=True) as conn:
        with program.running(tmp_path / "log", "jobs", "run", database_url=filled):
            eventually(lambda: {job for (job,) in conn.execute(done)} == JOBS)
            eventually(lambda: conn.execute("select service from v_service").fetchall() == [("jobs",)])
        assert conn.execute("select count(*) from v_service").fetchone() == (0,)


def test_station_files_are_applied_whole_or_not_at_all(database: str, tmp_path: Path) -> None:
    first = quantrac(database, "stations", "apply", "station_configs", "--json")
    assert first.returncode == 0, first.stderr
    assert {applied["outcome"] for applied in json.loads(first.stdout)["stations"]} == {"new"}
    again = quantrac(database, "stations", "apply", "station_configs")
    assert {line.split()[1] for line in again.stdout.splitlines()} == {"unchanged"}
    assert "setting" not in again.stdout
    broken = tmp_path / "configs"
    shutil.copytree(PROJECT / "station_configs", broken)
    station = broken / "stations" / "st-my-thanh.yaml"
    station.write_text(station.read_text("utf-8") + "\nspeed: 3\n", "utf-8")
    refused = quantrac(database, "stations", "apply", str(broken))
    assert refused.returncode == 2
    assert "st-my-thanh.yaml:" in refused.stderr
    with psycopg.connect(database) as conn:
        assert conn.execute("select count(*) from v_station").fetchone() == (6,)


def test_a_message_of_a_station_that_was_not_known_yet_is_replayed(database: str) -> None:
    payload = b'{"epoch":"9f31c2ab","seq":1,"t":1795490400000,"r":[["do",5.25,"ok"]]}'
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(
            """insert into dead_letter (first_received_at, received_at, topic, station, epoch, seq, payload, length,
                                        sha256, reason, status)
               values ('2026-11-24 03:20:01Z', '2026-11-24 03:20:01Z', 'quantrac/v1/st-my-thanh/readings',
                       'st-my-thanh', '9f31c2ab', 1, %s, %s, sha256(%s), 'unknown_station', 'open')""",
            [payload, len(payload), payload],
        )
    early = quantrac(database, "deadletters", "replay", "1")
    assert early.returncode == 1
    assert "Traceback" not in early.stderr
    assert quantrac(database, "stations", "apply", "station_configs").returncode == 0
    run = quantrac(database, "deadletters", "replay", "1", "--reason", "station applied", "--person", "an")
    assert (run.returncode, run.stdout) == (0, "replayed 1: 1 readings added, 0 refused still\n")
    with psycopg.connect(database) as conn:
        assert conn.execute("select channel, raw_value from v_reading").fetchall() == [("st-my-thanh/do", 5.25)]
        assert conn.execute("select status from v_dead_letter").fetchone() == ("replayed",)
