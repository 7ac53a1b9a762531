"""The clock of some jobs: APScheduler wakes them at their due times; a job runs where no row says that it has."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import psycopg
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from quantrac.cli.jobs.runs import Job, run_asked, run_if_due
from quantrac.database.outage import is_outage
from quantrac.database.pool import DatabaseUnreachable, connect, one_line
from quantrac.observe import logs
from quantrac.telemetry.due_times import Due, next_due

CATCH_UP: Final = timedelta(seconds=15)
"""How often missed due times are looked for, after a start and when the database was away, and what people ask for."""

log = logs.logger(__name__)


def wall_clock() -> datetime:
    """Return the time of this machine, UTC."""
    return datetime.now(UTC)


class JobClock:
    """Runs jobs at their due times, and catches up; one job at a time.

    Whether one has come is decided by the network's zone at that moment: after an edit of `time_zone` it is caught up.
    """

    def __init__(self, jobs: Sequence[Job], url: str, zone: ZoneInfo) -> None:
        """Start with these jobs."""
        self._url, self._zone = url, zone
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            timezone=UTC,
        )
        self.take(jobs)
        self._scheduler.start()

    def take(self, jobs: Sequence[Job]) -> None:
        """Have these jobs and no others; one that runs just now runs to its end."""
        self._scheduler.remove_all_jobs()
        for job in jobs:
            self._scheduler.add_job(run_due, _Trigger(job.due, self._zone), args=[[job], self._url], id=job.name)
        self._scheduler.add_job(
            run_due, IntervalTrigger(seconds=CATCH_UP.total_seconds()), args=[jobs, self._url], id="catch-up",
            next_run_time=wall_clock(),
        )  # fmt: skip

    def stop(self) -> None:
        """End; a job that runs just now runs to its end."""
        self._scheduler.shutdown()


def run_due(jobs: Sequence[Job], url: str) -> None:
    """Run what people asked for, and those of `jobs` whose latest due time has not been run.

    Without a database they wait for the next try.
    """
    try:
        with connect(url, "quantrac jobs") as conn:
            run_asked(conn, jobs, wall_clock)
            for job in jobs:
                run_if_due(conn, job, wall_clock)
    except (DatabaseUnreachable, psycopg.Error) as error:
        if not is_outage(error):
            raise
        log.warning("jobs_postponed", why=one_line(error))


class _Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Gives APScheduler the due times of a job."""

    def __init__(self, due: Due, zone: ZoneInfo) -> None:
        self._due = due
        self._zone = zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the first due time after the last one, or after now."""
        return next_due(self._due, now if previous_fire_time is None else max(previous_fire_time, now), self._zone)
