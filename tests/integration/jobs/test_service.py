"""The jobs of the centre, with the rights their user has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from quantrac.cli.jobs.runs import run_if_due
from quantrac.cli.jobs.service import jobs_of
from quantrac.config.loading import load_network
from quantrac.database.pool import Connection
from quantrac.desks.network import apply_network
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
    for job in jobs_of(network):
        assert run_if_due(conn, job, lambda: NOW), job.name
    failed = conn.execute("select job, detail from job_run where outcome <> 'done'").fetchall()
    assert failed == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("update reading set value = 1")
