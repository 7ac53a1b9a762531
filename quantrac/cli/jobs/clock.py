"""The clock of some jobs: APScheduler wakes them at their due times; a job runs where no row says that it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
from apscheduler.executors.base import BaseExecutor, run_job
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
BY_ITSELF_S: Final = 8.0
"""So long a job that runs may take to its end when the clock is stopped."""
CUT_OFF_S: Final = 4.0
"""So long after that its statement may take to be broken off."""
TERMINATE: Final = "select pg_terminate_backend(%s)"

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
        self._ends = threading.Event()
        self._session: int | None = None
        """The process of the server that works for a job; None: none runs."""
        self._turns = _Turns()
        self._scheduler = BackgroundScheduler(
            executors={"default": self._turns},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
            timezone=UTC,
        )
        self.take(jobs)
        self._scheduler.start()

    def take(self, jobs: Sequence[Job]) -> None:
        """Have these jobs and no others; one that runs just now runs to its end."""
        self._scheduler.remove_all_jobs()
        for job in jobs:
            self._scheduler.add_job(self._run_due, _Trigger(job.due, self._zone), args=[[job]], id=job.name)
        self._scheduler.add_job(
            self._run_due, IntervalTrigger(seconds=CATCH_UP.total_seconds()), args=[jobs], id="catch-up",
            next_run_time=wall_clock(),
        )  # fmt: skip

    def ask_to_end(self) -> None:
        """Begin no further job."""
        self._ends.set()
        self._scheduler.shutdown(wait=False)

    def has_ended(self, timeout_s: float) -> bool:
        """Wait for the job that runs, and return whether it has ended."""
        return self._turns.has_ended(timeout_s)

    def cut_off(self) -> None:
        """End the session of the job that runs: its row stays `running`, and whoever runs jobs next does it again."""
        session = self._session
        if session is None:
            return
        log.warning("job_cut_off", after_s=BY_ITSELF_S)
        with suppress(DatabaseUnreachable, psycopg.Error), connect(self._url, "quantrac jobs end") as conn:
            conn.execute(TERMINATE, [session])

    def _run_due(self, jobs: Sequence[Job]) -> None:
        """Run what people asked for, and those of `jobs` whose latest due time has not been run.

        Without a database they wait for the next try.
        """
        try:
            with connect(self._url, "quantrac jobs") as conn:
                self._session = conn.info.backend_pid
                for job in jobs:
                    if not self._ends.is_set():
                        run_asked(conn, [job], wall_clock)
                        run_if_due(conn, job, wall_clock)
        except (DatabaseUnreachable, psycopg.Error) as error:
            if not is_outage(error):
                raise
            log.warning("jobs_postponed", why=one_line(error))
        finally:
            self._session = None


def end(*clocks: JobClock) -> None:
    """End clocks together, within BY_ITSELF_S and CUT_OFF_S whatever their jobs do, and where no server answers."""
    for clock in clocks:
        clock.ask_to_end()
    for clock in _running(clocks, BY_ITSELF_S):
        threading.Thread(target=clock.cut_off, name="cut-off", daemon=True).start()
    _running(clocks, CUT_OFF_S)


def _running(clocks: Sequence[JobClock], patience_s: float) -> list[JobClock]:
    """Return the clocks whose job still runs after so long."""
    until = time.monotonic() + patience_s
    return [clock for clock in clocks if not clock.has_ended(max(0.0, until - time.monotonic()))]


class _Turns(BaseExecutor):  # type: ignore[misc]  # APScheduler ships no types
    """Runs jobs one after the other in a thread that keeps no process from ending, as those of a pool do."""

    def __init__(self) -> None:
        super().__init__()
        self._due: SimpleQueue[tuple[Any, list[datetime]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        self._thread.start()

    def shutdown(self, wait: bool = True) -> None:
        self._due.put(None)
        if wait:
            self._thread.join(BY_ITSELF_S)

    def has_ended(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        self._due.put((job, run_times))

    def _run(self) -> None:
        for job, run_times in iter(self._due.get, None):
            try:
                events = run_job(job, job._jobstore_alias, run_times, self._logger.name)  # noqa: SLF001  # its own way
            except Exception as error:  # the boundary of the thread
                log.exception("turn_failed", job=job.id)
                self._run_job_error(job.id, error, error.__traceback__)
            else:
                self._run_job_success(job.id, events)


class _Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Gives APScheduler the due times of a job."""

    def __init__(self, due: Due, zone: ZoneInfo) -> None:
        self._due = due
        self._zone = zone

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the first due time after the last one, or after now."""
        return next_due(self._due, now if previous_fire_time is None else max(previous_fire_time, now), self._zone)
