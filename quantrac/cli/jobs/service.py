"""The service `jobs run`: APScheduler wakes it at due times; rows of the database say what has run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import psycopg

from alerts.rules.watched_network import WatchedNetwork
from alerts.watchdogs.books import check_books
from alerts.watchdogs.breaches import check_breaches
from alerts.watchdogs.calibration_due import check_calibrations
from alerts.watchdogs.clocks import check_clocks
from alerts.watchdogs.feed_lag import check_feed
from alerts.watchdogs.files import confirmed_at
from alerts.watchdogs.ministry_files import check_ministry
from alerts.watchdogs.no_data import check_no_data
from alerts.watchdogs.silence import check_silence
from quantrac.cli.jobs import ministry
from quantrac.cli.jobs.clock import JobClock, end, wall_clock
from quantrac.cli.jobs.runs import Done, Job, register
from quantrac.cli.jobs.upkeep import (
    apply_retention,
    compress_old,
    order_old_hours,
    prune_feed,
    prune_letters,
    prune_records,
)
from quantrac.config.bulletins import BulletinKind
from quantrac.config.network import Network
from quantrac.config.settings import Settings
from quantrac.database.backup import backup_into
from quantrac.database.beat import Beat, worker_name
from quantrac.database.migration import refuse_old_database
from quantrac.database.outage import is_outage, persist
from quantrac.database.pool import Connection, DatabaseUnreachable, connect
from quantrac.observe import health, logs
from quantrac.telemetry.due_times import Every, OnDays, parse_due
from quantrac.telemetry.job_outcomes import Said, together
from reports.bulletins.periods import period_before
from reports.completeness.causes import explain_days

BACKUP_AT: Final = time(1, 30)
COMPRESS_AT: Final = time(4, 0)
ORDER_AT: Final = time(4, 30)
LOOK_S: Final = 2.0
"""How often the files are looked at for changed plans."""
SILENCE_EVERY: Final = timedelta(seconds=30)
CALIBRATIONS_EVERY: Final = timedelta(minutes=5)
ROUND_S: Final = 1.0
JOIN_S: Final = 5.0

log = logs.logger(__name__)


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Run what is due until stopped. Raises ConfigErrors, MissingSetting, NotMigrated before anything has begun.

    due times → APScheduler → claim of a row in `job_run` → the job's work in one transaction → outcome in the row.
    Beside it, where the network has receivers: changes → the ministry's files → each receiver.
    """
    watched = WatchedNetwork(settings.config, settings.overlay)
    zone = watched.network.zone
    url = settings.database("jobs")
    refuse_old_database(url, "quantrac jobs")
    pulse = _Pulse(url)
    with ExitStack() as stack:
        if settings.jobs_listen is not None:
            stack.enter_context(health.serve(settings.jobs_listen, ready=pulse.is_ready))
        quick, slow = jobs_of(watched), [causes_job(), *chunk_jobs()]
        if settings.backup_dir is not None:
            slow.append(backup_job(url, settings.backup_dir, settings.backups_kept))
        plans = BulletinPlans(watched, [*quick, *slow], url)
        persist(plans.register, "jobs", stop=stop)
        # On clocks of their own, one at a time: the search for silent stations never waits for the slow ones.
        bulletins = JobClock(plans.jobs, url, zone)
        stack.callback(end, JobClock(quick, url, zone), JobClock(slow, url, zone), bulletins)
        follower = threading.Thread(target=plans.follow_until, args=[bulletins, stop], daemon=True)
        follower.start()
        stack.callback(follower.join, JOIN_S)
        stack.callback(ministry.start(settings, watched, url, stop).join, JOIN_S)
        pulse.beat_until(stop)


def jobs_of(watched: WatchedNetwork) -> list[Job]:
    """Return the short jobs of the centre; each asks for the network when it runs, one job at a time."""

    def current(conn: Connection, now: datetime) -> Network:
        return watched.current(now, confirmed_at(conn))

    def silence(conn: Connection, now: datetime) -> Done:
        network = current(conn, now)
        stations, channels = len(check_silence(conn, network, now)), len(check_no_data(conn, network, now))
        said = together(Said.STATIONS(count=stations), Said.CHANNELS(count=channels))
        return Done(stations + channels, said)

    def watch(conn: Connection, now: datetime) -> Done:
        network = current(conn, now)
        checks = check_books, check_breaches, check_clocks, check_feed, check_ministry
        changed = [len(check(conn, network, now)) for check in checks]
        words = Said.BOOKS, Said.BREACHES, Said.CLOCKS, Said.CONSUMERS, Said.LATE_FILES
        return Done(sum(changed), together(*(word(count=n) for word, n in zip(words, changed, strict=True))))

    def calibrations(conn: Connection, now: datetime) -> Done:
        changed = len(check_calibrations(conn, current(conn, now), now))
        return Done(changed, Said.DEVICES(count=changed))

    def retention(conn: Connection, now: datetime) -> Done:
        return apply_retention(conn, now, current(conn, now).settings.retention)

    return [
        Job("silence", Every(SILENCE_EVERY), silence),
        Job("watch", Every(SILENCE_EVERY), watch),
        Job("calibrations", Every(CALIBRATIONS_EVERY), calibrations),
        Job("prune-feed", Every(timedelta(hours=1)), prune_feed),
        Job("prune-letters", Every(timedelta(hours=1)), prune_letters),
        Job("prune-records", OnDays(time(2, 30)), prune_records),
        Job("retention", OnDays(time(3, 0)), retention),
    ]


def bulletin_jobs(watched: WatchedNetwork) -> list[Job]:
    """Return what makes drafts of bulletins: of a large network's year it takes minutes."""
    return [
        Job(f"bulletin-{kind}", parse_due(plan.at), partial(_draft, watched, kind))
        for kind, plan in watched.network.settings.bulletins.items()
    ]


def _draft(watched: WatchedNetwork, kind: BulletinKind, conn: Connection, now: datetime) -> Done:
    """Make the bulletin of the last period as a draft, unless there is one; the short jobs keep the network current."""
    from quantrac.desks.bulletins import is_made, make  # templates: 10 MB that other jobs do not need

    network = watched.network
    period = period_before(kind, now.astimezone(network.zone).date())
    if is_made(conn, kind, period.name):
        return Done(0, Said.MADE_BEFORE(period=period.name))
    made = make(conn, network, kind, period.name, "jobs", now)
    return Done(1, Said.DRAFT(period=period.name, number=made.bulletin_id))


def backup_job(url: str, folder: Path, keep: int) -> Job:
    """Return the nightly backup; `keep` files stay."""

    def write(conn: Connection, now: datetime) -> Done:
        del conn  # pg_dump makes its own connection
        file, removed = backup_into(url, folder, keep, now)
        size = f"{file.stat().st_size / 1e6:.1f}"
        said = together(Said.BACKUP(file=file.name, size=size), Said.OLD_BACKUPS(count=len(removed)))
        return Done(1 + len(removed), said)

    return Job("backup", OnDays(BACKUP_AT), write)


def causes_job() -> Job:
    """Return what explains why readings of days that are over do not count; after years of import, some each hour."""

    def explain(conn: Connection, now: datetime) -> Done:
        done = explain_days(conn, now)
        return Done(done.days, together(Said.EXPLAINED(count=done.days), Said.LEFT(count=done.left)))

    return Job("causes", Every(timedelta(hours=1)), explain, in_pieces=True)


def chunk_jobs() -> list[Job]:
    """Return the nightly upkeep of old chunks: each chunk is a transaction."""
    return [
        Job("compress", OnDays(COMPRESS_AT), compress_old, in_pieces=True),
        Job("order-hours", OnDays(ORDER_AT), order_old_hours, in_pieces=True),
    ]


class BulletinPlans:
    """The jobs of bulletins, as network.yaml plans them now; the other jobs stay as they are."""

    def __init__(self, watched: WatchedNetwork, others: Sequence[Job], url: str) -> None:
        self._watched, self._others, self._url = watched, others, url
        self.jobs = bulletin_jobs(watched)

    def register(self) -> bool:
        """Write down all jobs, for the page and for who asks for a run."""
        with connect(self._url, "quantrac jobs") as conn:
            register(conn, [*self._others, *self.jobs], wall_clock())
        return True

    def follow_until(self, clock: JobClock, stop: threading.Event) -> None:
        """Look for changed plans until stopped; what nobody foresaw costs one look."""
        while not stop.wait(LOOK_S):
            try:
                self.follow(clock)
            except Exception:  # the boundary of the thread
                log.exception("plans_not_taken")

    def follow(self, clock: JobClock) -> None:
        """Take changed plans; without a database they are taken at a later look."""
        self._watched.current(wall_clock())
        planned = bulletin_jobs(self._watched)
        if [(job.name, job.due) for job in planned] == [(job.name, job.due) for job in self.jobs]:
            return
        before, self.jobs = self.jobs, planned
        try:
            self.register()
        except (DatabaseUnreachable, psycopg.Error) as error:
            self.jobs = before
            if not is_outage(error):
                raise
            return
        clock.take(planned)


class _Pulse:
    """The service's sign of life."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._worker = worker_name()
        self._started_at = wall_clock()
        self._state: bool | str = "starting"

    def is_ready(self) -> bool | str:
        """Whether the database is reached."""
        return self._state

    def beat_until(self, stop: threading.Event) -> None:
        """Beat until stopped; a database that is away is waited for."""
        persist(lambda: self._beat(stop), "jobs", stop=stop, away=self._away)

    def _beat(self, stop: threading.Event) -> None:
        with connect(self._url, "quantrac jobs beat") as conn:
            beat = Beat(conn, "jobs", self._worker, self._started_at)
            while not stop.is_set():
                beat.beat(wall_clock())
                self._state = True
                stop.wait(ROUND_S)
            beat.end()

    def _away(self, _: str) -> None:
        self._state = "no database"
