"""`quantrac status` as a person and as a monitoring program use it."""

from __future__ import annotations

import json
import subprocess

import psycopg

from quantrac.cli.processes import CENTRE_SERVICES
from tests.fixtures.program import quantrac

ALIVE = """
insert into service select service, 'box', now(), now() + interval '3 min', true, 0 from unnest(%s::text[]) service
"""
"""Ahead, so that they still live when a busy machine has started the command that looks at them."""
LATE = "update service set beat_at = beat_at - interval '200 s' where service = 'console'"
READINGS = """
insert into latest select channel_id, now(), 1, 0, 0, now() from channel;
insert into ledger (station, epoch, highest_arrived, stored, received, new, last_seen_at)
select station, 'e1', 2, '{[1,3)}', 2, 2, now() from station;
"""


def status(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return quantrac("status", *words, database_url=url)


def test_a_centre_in_which_nothing_runs_is_told_line_by_line_what_to_do(database: str) -> None:
    done = status(database)
    assert done.returncode == 1
    findings = [line for line in done.stdout.splitlines() if line.startswith("NOT WELL")]
    for service in CENTRE_SERVICES:
        assert any(f"service {service}" in line and f"quantrac {service} run" in line for line in findings)
    assert any("quantrac stations apply" in line for line in findings)
    assert done.stdout.splitlines()[-1] == f"{len(findings)} findings"


def test_a_centre_that_works_is_well_until_something_is_not(database: str) -> None:
    assert quantrac("stations", "apply", database_url=database).returncode == 0
    with psycopg.connect(database, autocommit=True) as conn:
        conn.execute(ALIVE, [list(CENTRE_SERVICES)])
        conn.execute(READINGS)
        done = status(database)
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "all is well"), done.stdout
        assert done.stdout.count(" online, ") == 6
        conn.execute(LATE)
        found = json.loads(status(database, "--json").stdout)
        assert found["well"] is False
        assert [finding["about"] for finding in found["findings"]] == ["service console"]
        assert found["balanced"] is True
        assert found["total"]["stored"] == 12
        assert status(database, "--service", "ingest", "--service", "jobs").returncode == 0
    assert status(database, "--service", "ingets").returncode == 2


def test_a_monitoring_program_gets_json_also_when_the_database_is_away() -> None:
    done = status("postgresql://nobody@127.0.0.1:1/nothing", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["well"] is False
    assert found["findings"][0]["about"] == "database"
    assert done.stderr == ""
