"""`quality run`: the change feed in, findings out. Of several workers one judges and the others stand by."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

import psycopg

from ingest.quality import judging
from quantrac.config.settings import Settings
from quantrac.database.beat import Beat
from quantrac.database.feed import FeedError
from quantrac.database.migrate import connect_migrated
from quantrac.database.pool import Connection, DatabaseUnreachable, one_line
from quantrac.mqtt.backoff import Backoff
from quantrac.observe import health, logs, metrics

QUALITY_LOCK: Final = 0x5154_0011
CHANGES_A_ROUND: Final = 500
WAIT_S: Final = 1.0

LAG = metrics.gauge("quantrac_quality_feed_lag_seconds", "Age of the oldest change when it was taken")
CHANGES = metrics.counter("quantrac_quality_changes_total", "Changes judged")
FAILURES = metrics.counter("quantrac_quality_failures_total", "Times that judging had to begin again", ["reason"])

log = logs.logger(__name__)


class Judge:
    """The service's state; `work` on a connection until stopped."""

    def __init__(self, clock: Callable[[], datetime], stop: threading.Event) -> None:
        self._clock, self._stop = clock, stop
        self._worker = f"{socket.gethostname()}-{os.getpid()}"
        self._started_at = clock()
        self.state: bool | str = "starting"
        """True, or why nothing is judged."""

    def work(self, conn: Connection) -> None:
        """Wait for the lock, then take changes and judge them; raises what the database raises."""
        beat = Beat(conn, "quality", self._worker, self._started_at)
        while not self._stop.is_set() and not _have_lock(conn):
            self.state = True  # standing by is well
            beat.beat(self._clock(), connected=True)
            self._stop.wait(WAIT_S)
        feed = judging.consumer(conn)
        self.state = True
        log.info("judging")
        while not self._stop.is_set():
            changes = judging.round_of(conn, feed, self._clock, CHANGES_A_ROUND)
            lag_s = (self._clock() - changes[0].at).total_seconds() if changes else 0.0
            LAG.set(lag_s)
            CHANGES.inc(len(changes))
            beat.beat(self._clock(), connected=True, backlog_lag_s=lag_s)
            if not changes:
                feed.wait(WAIT_S)
        beat.end()


def _have_lock(conn: Connection) -> bool:
    row = conn.execute("select pg_try_advisory_lock(%s)", [QUALITY_LOCK]).fetchone()
    return row == (True,)


def run(settings: Settings, *, stop: threading.Event) -> None:
    """Judge until `stop` is set; a database that is away is waited for. Raises MissingSetting, NotMigrated."""
    url = settings.database("quality")
    judge, backoff = Judge(lambda: datetime.now(UTC), stop), Backoff(first_s=0.5, longest_s=10.0)
    with ExitStack() as stack:
        if settings.quality_listen is not None:
            stack.enter_context(health.serve(settings.quality_listen, ready=lambda: judge.state))
        while not stop.is_set():
            try:
                with connect_migrated(url, "quantrac quality") as conn:
                    judge.work(conn)
            except (DatabaseUnreachable, psycopg.OperationalError, FeedError) as error:
                judge.state = one_line(error)
                FAILURES.labels(type(error).__name__).inc()
                wait_s = backoff.next_wait_s()
                log.warning("judging_begins_again", why=one_line(error), retry_s=round(wait_s, 1))
                stop.wait(wait_s)
