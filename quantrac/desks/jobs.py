"""The desk of jobs: what is due by the clock and when, what has run, and a run that a person asks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from quantrac.database import audit
from quantrac.database.pool import Connection, columns_of, rows_of
from quantrac.database.time_zone import time_zone
from quantrac.telemetry.due_times import next_due, parse_due
from quantrac.telemetry.errors import TranslatableError

MOST_RUNS: Final = 50
LONGEST_REASON: Final = 400


class BadJob(TranslatableError):
    """There is no such job, or it cannot be asked for now."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class JobRun:
    """A row of `v_job`."""

    job: str
    due_at: datetime
    """When it was due, or asked for."""
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    """`asked`, `running`, `done`, `failed`."""
    rows: int | None
    detail: str | None
    asked_by: str | None
    reason: str | None
    tries: int
    """How often it was begun: a job that failed is tried again."""

    @property
    def seconds(self) -> float | None:
        """How long it took; None: it is not over."""
        return None if self.finished_at is None else (self.finished_at - self.started_at).total_seconds()


class Recomputation(NamedTuple):
    """A service that recomputes everything that it derives from readings."""

    service: str
    share: float
    """How much is done, 0 to 1."""
    rate: float | None
    """Rows a second; None: not known yet."""
    until: datetime | None
    """When it will be done."""


RECOMPUTATIONS: Final = """
select service, making_share, making_rate, making_until from v_service
where making_share is not null and beat_at > %s - interval '1 minute' order by service
"""


class ScheduledJob(NamedTuple):
    """A job of `jobs run`."""

    job: str
    due: str
    """Such as `daily 02:30`, local."""
    next_at: datetime
    last: JobRun | None
    """Its newest run; None: none is on record."""


SCHEDULE: Final = "select job, due from v_schedule order by job"
LAST_RUNS: Final = f"""
select {columns_of(JobRun)} from (
  select r.* from v_schedule s cross join lateral (
    select * from v_job r where r.job = s.job order by r.due_at desc limit 1) r) newest
"""  # noqa: S608  # our own field names
RUNS: Final = f"""
select {columns_of(JobRun)} from v_job where %(job)s::text is null or job = %(job)s order by due_at desc limit %(most)s
"""  # noqa: S608
RUN: Final = f"select {columns_of(JobRun)} from v_job where job = %s and due_at = %s"  # noqa: S608
WAITS: Final = "select exists (select from v_job where job = %s and outcome = 'asked')"
ASK: Final = """
insert into job_run (job, due_at, started_at, outcome, asked_by, reason) values (%(job)s, %(now)s, %(now)s, 'asked',
  %(person)s, %(reason)s)
"""


def recomputations(conn: Connection, now: datetime) -> list[Recomputation]:
    """Return the services that recompute everything now."""
    return [Recomputation(*row) for row in conn.execute(RECOMPUTATIONS, [now])]


def jobs(conn: Connection, now: datetime) -> list[ScheduledJob]:
    """Return all jobs by name, each with its next due time and its newest run."""
    zone = time_zone(conn)
    last = {run.job: run for run in rows_of(conn, JobRun, LAST_RUNS)}
    return [_scheduled(job, due, now, zone, last.get(job)) for job, due in conn.execute(SCHEDULE).fetchall()]


def _scheduled(job: str, due: str, now: datetime, zone: ZoneInfo, last: JobRun | None) -> ScheduledJob:
    return ScheduledJob(job, due, next_due(parse_due(due), now, zone), last)


def history(conn: Connection, job: str | None = None, most: int = MOST_RUNS) -> list[JobRun]:
    """Return the newest runs, of one job or of all, the newest first."""
    return rows_of(conn, JobRun, RUNS, {"job": job, "most": most})


def run_asked_at(conn: Connection, job: str, at: datetime) -> JobRun:
    """Return the run that was asked for at a time. Raises BadJob."""
    found = rows_of(conn, JobRun, RUN, [job, at])
    if not found:
        raise BadJob("no run of the job {job} was asked for at {at}", job=job, at=at)
    return found[0]


def run_now(conn: Connection, job: str, person: str, reason: str, now: datetime) -> None:
    """Ask `jobs run` for a run of a job beside its due times; it begins within seconds. Audited. Raises BadJob."""
    known = [name for name, _ in conn.execute(SCHEDULE).fetchall()]
    if job not in known:
        raise BadJob("there is no job {job}; there are: {known}", job=job, known=", ".join(known) or "–")
    with conn.transaction():
        conn.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"ask {job}"])
        if conn.execute(WAITS, [job]).fetchone() == (True,):
            raise BadJob("the job {job} has been asked for already and waits for jobs run", job=job)
        why = reason.strip()[:LONGEST_REASON]
        conn.execute(ASK, {"job": job, "person": person, "reason": why, "now": now})
        audit.record(conn, now, person, "run", f"job {job}", why)
