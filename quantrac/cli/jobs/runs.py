"""Runs a job once for each due time, kept as rows of `job_run`; a due time that was missed is caught up once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from quantrac.cli.jobs.schedule import Due, latest_due
from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.observe import logs, metrics

JOB_LOCK: Final = 0x5154

RUNS = metrics.counter("quantrac_jobs_runs_total", "Jobs run, by outcome.", ["job", "outcome"])
log = logs.logger(__name__)

CLAIM = """
insert into job_run as r (job, due_at, started_at, outcome) values (%s, %s, %s, 'running')
on conflict (job, due_at) do update set started_at = excluded.started_at where r.outcome = 'running'
"""
FINISH = "update job_run set finished_at = %s, outcome = %s, detail = %s where job = %s and due_at = %s"
DONE = "select exists (select from job_run where job = %s and due_at >= %s and outcome <> 'running')"


@dataclass(frozen=True, slots=True)
class Job:
    """Something due by the clock. `work` returns one line that says what it did."""

    name: str
    due: Due
    work: Callable[[Connection, datetime], str]


def run_if_due(conn: Connection, job: Job, clock: Callable[[], datetime]) -> bool:
    """Run a job for its latest due time, by the network's clocks, unless that has been run; return whether it ran.

    An advisory lock keeps two `jobs run` apart. A row left `running` whose lock is free belongs to a process that died:
    it is run again.
    """
    due_at = latest_due(job.due, clock(), time_zone(conn))
    if conn.execute(DONE, [job.name, due_at]).fetchone() == (True,):
        return False
    if conn.execute("select pg_try_advisory_lock(%s, hashtext(%s))", [JOB_LOCK, job.name]).fetchone() != (True,):
        return False
    try:
        if conn.execute(CLAIM, [job.name, due_at, clock()]).rowcount != 1:
            return False
        outcome, detail = _work(conn, job, clock())
        conn.execute(FINISH, [clock(), outcome, detail, job.name, due_at])
        return True
    finally:
        if not conn.broken:
            conn.execute("select pg_advisory_unlock(%s, hashtext(%s))", [JOB_LOCK, job.name])


def _work(conn: Connection, job: Job, now: datetime) -> tuple[str, str]:
    try:
        with conn.transaction():
            detail = job.work(conn, now)
    except Exception as error:
        if conn.broken:
            raise
        log.exception("job_failed", job=job.name)
        RUNS.labels(job.name, "failed").inc()
        return "failed", f"{type(error).__name__}: {error}"
    RUNS.labels(job.name, "done").inc()
    log.info("job_done", job=job.name, detail=detail)
    return "done", detail
