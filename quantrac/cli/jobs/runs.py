"""Runs a job once for each due time, kept as rows of `job_run`; a due time that was missed is caught up once.

A job that failed is tried again after a minute, then after two, and so on; after MOST_TRIES it waits for its next due
time.
What a person asks to be run is a row of its own, in place of no due time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quantrac.database.pool import Connection
from quantrac.database.time_zone import time_zone
from quantrac.observe import logs, metrics
from quantrac.telemetry.due_times import Due, latest_due

JOB_LOCK: Final = 0x5154
FIRST_WAIT: Final = timedelta(minutes=1)
MOST_TRIES: Final = 6
"""Within half an hour: what still fails then is no passing trouble."""

RUNS = metrics.counter("quantrac_jobs_runs_total", "Jobs run, by outcome.", ["job", "outcome"])
log = logs.logger(__name__)

REGISTER: Final = """
insert into job (job, due, registered_at) select name, due, %s from unnest(%s::text[], %s::text[]) as j (name, due)
on conflict (job) do update set due = excluded.due, registered_at = excluded.registered_at
"""
FORGET: Final = "delete from job where job <> all(%s)"
CLAIM: Final = """
insert into job_run as r (job, due_at, started_at, outcome, tries) values (%s, %s, %s, 'running', 1)
on conflict (job, due_at) do update set started_at = excluded.started_at, outcome = 'running', tries = r.tries + 1,
  finished_at = null, rows = null, detail = null
where r.outcome in ('running', 'failed')
"""
CLAIM_ASKED: Final = """
update job_run set started_at = %s, outcome = 'running', tries = tries + 1
where job = %s and due_at = %s and outcome in ('asked', 'running')
"""
FINISH: Final = """
update job_run set finished_at = %s, outcome = %s, rows = %s, detail = %s where job = %s and due_at = %s
"""
DONE: Final = """
select exists (
  select from job_run
  where job = %(job)s and due_at between %(due_at)s and %(now)s and outcome <> 'running' and asked_by is null
    and (outcome <> 'failed' or tries >= %(most)s or finished_at + %(wait)s * 2 ^ greatest(tries - 1, 0) > %(now)s))
"""
"""A failed run is none once it is to be tried again. Due times that have not come do not count: a clock that was ahead
has run them."""
ASKED: Final = """
select due_at from job_run where job = %s and asked_by is not null and outcome in ('asked', 'running') order by due_at
"""


class Done(NamedTuple):
    """What a run of a job did."""

    rows: int
    """How many rows, files or other things it made, changed or removed."""
    words: str
    """The same in one line."""


@dataclass(frozen=True, slots=True)
class Job:
    """Something due by the clock."""

    name: str
    due: Due
    work: Callable[[Connection, datetime], Done]
    in_pieces: bool = False
    """Its work is many transactions, each whole: what an ended run has done stays, and the next one goes on from there.
    Otherwise it is one transaction."""


def register(conn: Connection, jobs: Sequence[Job], now: datetime) -> None:
    """Say which jobs there are and when they are due; those of an earlier configuration are no more."""
    with conn.transaction():
        conn.execute(FORGET, [[job.name for job in jobs]])
        conn.execute(REGISTER, [now, [job.name for job in jobs], [str(job.due) for job in jobs]])


def run_if_due(conn: Connection, job: Job, clock: Callable[[], datetime]) -> bool:
    """Run a job for its latest due time, by the network's clocks, unless that has been run; return whether it ran.

    An advisory lock keeps two `jobs run` apart. A row left `running` whose lock is free belongs to a process that died:
    it is run again.
    """
    now = clock()
    due_at = latest_due(job.due, now, time_zone(conn))
    asked = {"job": job.name, "due_at": due_at, "now": now, "most": MOST_TRIES, "wait": FIRST_WAIT}
    if conn.execute(DONE, asked).fetchone() == (True,):
        return False
    with _turn(conn, job) as has_turn:
        if not has_turn or conn.execute(CLAIM, [job.name, due_at, clock()]).rowcount != 1:
            return False
        _run(conn, job, due_at, clock)
        return True


def run_asked(conn: Connection, jobs: Iterable[Job], clock: Callable[[], datetime]) -> int:
    """Run what persons have asked for, oldest first; return how often something ran."""
    count = 0
    for job in jobs:
        for (due_at,) in conn.execute(ASKED, [job.name]).fetchall():
            with _turn(conn, job) as has_turn:
                if has_turn and conn.execute(CLAIM_ASKED, [clock(), job.name, due_at]).rowcount == 1:
                    _run(conn, job, due_at, clock)
                    count += 1
    return count


@contextmanager
def _turn(conn: Connection, job: Job) -> Iterator[bool]:
    """Hold the lock of a job; False: another process holds it."""
    if conn.execute("select pg_try_advisory_lock(%s, hashtext(%s))", [JOB_LOCK, job.name]).fetchone() != (True,):
        yield False
        return
    try:
        yield True
    finally:
        if not conn.broken:
            conn.execute("select pg_advisory_unlock(%s, hashtext(%s))", [JOB_LOCK, job.name])


def _run(conn: Connection, job: Job, due_at: datetime, clock: Callable[[], datetime]) -> None:
    outcome, done = _work(conn, job, clock())
    conn.execute(FINISH, [clock(), outcome, *done, job.name, due_at])


def _work(conn: Connection, job: Job, now: datetime) -> tuple[str, tuple[int | None, str]]:
    try:
        with nullcontext() if job.in_pieces else conn.transaction():
            done = job.work(conn, now)
    except Exception as error:
        if conn.broken:
            raise
        log.exception("job_failed", job=job.name)
        RUNS.labels(job.name, "failed").inc()
        return "failed", (None, f"{type(error).__name__}: {error}")
    RUNS.labels(job.name, "done").inc()
    log.info("job_done", job=job.name, rows=done.rows, detail=done.words)
    return "done", done
