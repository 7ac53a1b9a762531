"""Follows the change feed with one consumer: one process works, the others stand by.

A consumer that the feed does not know, because it is new or because it let changes lie until they were given up, first
computes everything, and beats with how far it is; then it follows from where the feed stood when it began.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client import Counter, Gauge

from quantrac.database import feed as change_feed
from quantrac.database.beat import Beat, Making, beating, worker_name
from quantrac.database.feed import Cause, Change, Consumer, FeedError
from quantrac.database.outage import persist
from quantrac.database.pool import Connection, connect
from quantrac.observe import logs

WAIT_S: Final = 1.0
LONGEST_REST_S: Final = 0.5
"""After a round of length the next one waits as long, so that changes gather while others have the machine."""

log = logs.logger(__name__)


Tell = Callable[[float, int], None]
"""Told which share is done, and how many rows more were made."""


class _Course:
    """How far a consumer is in making everything."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock, self._begun = clock, clock()
        self._share, self._rows = 0.0, 0

    def tell(self, share: float, rows: int) -> None:
        self._share, self._rows = share, self._rows + rows

    def now(self) -> Making:
        return Making.of(self._share, self._rows, self._begun, self._clock())


@dataclass(frozen=True, slots=True)
class Work:
    """What a consumer does, and where it shows it."""

    name: str
    causes: tuple[Cause, ...]
    lock: int
    """Advisory lock of the one that works."""
    round_of: Callable[[Connection, Consumer], list[Change]]
    """Take changes, write what follows, move the position; return the changes taken."""
    make_everything: Callable[[Connection, Tell], None]
    """Make all that is derived from what is stored now, and tell how far it is; may be interrupted and repeated."""
    lag: Gauge
    changes: Counter
    rest_s: float = 0.0
    """How long changes are left to gather once the feed was read to its end."""
    after: str | None = None
    """The consumer whose position this one never passes."""


class Follower:
    """One consumer and its state; `run` until stopped."""

    def __init__(self, work: Work, clock: Callable[[], datetime], stop: threading.Event) -> None:
        self._work, self._clock, self._stop = work, clock, stop
        self._worker = worker_name()
        self._started_at = clock()
        self._url: str | None = None
        self.state: bool | str = "starting"
        """True, or why nothing is done."""

    def run(self, url: str) -> None:
        """Follow until stopped; a database that is away is waited for."""
        self._url = url

        def connect_and_follow() -> None:
            with connect(url, f"quantrac {self._work.name}") as conn:
                self.follow(conn)

        persist(connect_and_follow, self._work.name, stop=self._stop, also=(FeedError,), away=self._away)

    def _away(self, why: str) -> None:
        self.state = why

    def follow(self, conn: Connection) -> None:
        """Wait for the lock, then take changes until stopped; raises what the database raises."""
        beat = Beat(conn, self._work.name, self._worker, self._started_at)
        while not self._stop.is_set() and not self._have_lock(conn):
            self.state = True  # standing by is well
            beat.beat(self._clock(), connected=True)
            self._stop.wait(WAIT_S)
        feed = self.consumer(conn)
        self.state = True
        log.info("consumer_started", consumer=self._work.name)
        while not self._stop.is_set():
            begun = time.monotonic()
            changes = self._work.round_of(conn, feed)
            took_s = time.monotonic() - begun
            lag_s = (self._clock() - changes[0].at).total_seconds() if changes else 0.0
            self._work.lag.set(lag_s)
            self._work.changes.inc(len(changes))
            beat.beat(self._clock(), connected=True, backlog_lag_s=lag_s)
            if not changes:
                feed.wait(WAIT_S)
            if not feed.has_more:
                self._stop.wait(max(self._work.rest_s, min(took_s, LONGEST_REST_S)))
        beat.end()

    def consumer(self, conn: Connection) -> Consumer:
        """Register, after making everything where the feed does not know this consumer."""
        start = 0
        if not change_feed.is_registered(conn, self._work.name):
            start = change_feed.reached(conn, self._work.after)
            log.info("rebuild_started", consumer=self._work.name, up_to_change=start)
            course = _Course(self._clock)
            with self._beating(course):
                self._work.make_everything(conn, course.tell)
        return Consumer(conn, self._work.name, self._work.causes, after=self._work.after, start=start)

    def _beating(self, course: _Course) -> AbstractContextManager[None]:
        if self._url is None:
            return nullcontext()
        return beating(self._url, self._work.name, self._worker, self._started_at, self._clock, course.now)

    def _have_lock(self, conn: Connection) -> bool:
        return conn.execute("select pg_try_advisory_lock(%s)", [self._work.lock]).fetchone() == (True,)
