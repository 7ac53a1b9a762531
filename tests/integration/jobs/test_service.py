"""The jobs of the centre, with the rights their user has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import psycopg
import pytest

from alerts.rules.watched_network import WatchedNetwork
from quantrac.cli.jobs.clock import JobClock
from quantrac.cli.jobs.runs import Job, run_if_due
from quantrac.cli.jobs.service import BulletinPlans, bulletin_jobs, causes_job, jobs_of
from quantrac.config.loader import load_network
from quantrac.database.pool import Connection
from quantrac.desks.network import apply_network
from quantrac.telemetry.job_outcomes import outcome
from tests.integration.database.conftest import World

NOW = datetime.now(UTC)
CONFIGS = Path(__file__).parents[3] / "station_configs"


def test_every_job_runs_with_the_rights_of_ingest_and_alerts_and_no_more(world: World, conn: Connection) -> None:
    network = load_network(CONFIGS)
    apply_network(conn, network, "an", NOW)
    conn.execute(
        """do $$ begin
             create role jobs_user in role quantrac_ingest, quantrac_alerts;
           exception when duplicate_object then null; end $$"""
    )
    conn.execute("set role jobs_user")
    watched = WatchedNetwork(CONFIGS)
    for job in (*jobs_of(watched), causes_job(), *bulletin_jobs(watched)):
        assert run_if_due(conn, job, lambda: NOW), job.name
    failed = conn.execute("select job, detail from job_run where outcome <> 'done'").fetchall()
    assert failed == []
    said = [detail for (detail,) in conn.execute("select detail from job_run").fetchall()]
    assert [one for one in said if outcome(one, "vi") == one] == [], "a job says what no page can say in Vietnamese"
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("update reading set value = 1")


def test_changed_files_hold_from_the_next_run_and_wrong_ones_change_nothing(tmp_path: Path) -> None:
    root = Path(copytree(CONFIGS, tmp_path / "configs"))
    watched = WatchedNetwork(root)
    file, text = root / "network.yaml", (CONFIGS / "network.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace("{after: 15m, severity: high,", "{after: 25m, severity: high,"), encoding="utf-8")
    changed = watched.current(NOW).settings.silence
    assert changed is not None
    assert changed.after_ms == 25 * 60_000
    file.write_text(text.replace("{after: 15m, severity: high,", "{after: soon, severity: high,"), encoding="utf-8")
    assert watched.current(NOW).settings.silence == changed


class TakenJobs(JobClock):
    """A clock that only notes what it is given."""

    def __init__(self) -> None:
        self.taken: list[list[str]] = []

    def take(self, jobs: Sequence[Job]) -> None:
        self.taken.append([f"{job.name} {job.due}" for job in jobs])


def test_a_changed_plan_of_a_bulletin_is_taken_while_jobs_run_goes_on(
    conn: Connection, database: str, tmp_path: Path
) -> None:
    root = Path(copytree(CONFIGS, tmp_path / "configs"))
    watched, clock = WatchedNetwork(root), TakenJobs()
    plans = BulletinPlans(watched, jobs_of(watched), database)
    plans.register()
    plans.follow(clock)
    assert clock.taken == []
    file, text = root / "network.yaml", (CONFIGS / "network.yaml").read_text(encoding="utf-8")
    file.write_text(text.replace('at: "monday 06:30"', 'at: "tuesday 07:15"'), encoding="utf-8")
    plans.follow(clock)
    plans.follow(clock)
    assert len(clock.taken) == 1
    assert "bulletin-water-week tuesday 07:15" in clock.taken[0]
    due = "select due from v_schedule where job = %s"
    assert conn.execute(due, ["bulletin-water-week"]).fetchone() == ("tuesday 07:15",)
    assert conn.execute(due, ["silence"]).fetchone() == ("every 30 s",)
