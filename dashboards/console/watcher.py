"""Reads the network whenever the change feed moves, at the latest every two seconds, and publishes it to all pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from dashboards.console.hub import Hub, event
from dashboards.console.snapshot import NetworkNow, changed, read_snapshot, same_rows
from quantrac.database.beat import Beat, worker_name
from quantrac.database.feed import FEED_CHANNEL
from quantrac.database.migration import connect_migrated
from quantrac.database.outage import persist
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError

LOOK_EVERY_S: Final = 2.0
LOOK_APART_S: Final = 0.5
"""However fast readings come, pages get news at most twice a second."""
SETTLE_S: Final = 0.3
"""How long after a change the look is taken: by then quality has judged what came, as a rule."""
STOP_NOTICED_S: Final = 0.2


class NothingSeenYet(QuantracError):
    """The console has not been able to look at the database since it started."""


class Watcher:
    """A thread with a connection of its own, which also beats as service `console`.

    Without the database it is silent, and the pages grey by themselves.
    """

    def __init__(self, database_url: str, hub: Hub, clock: Callable[[], datetime], stop: threading.Event) -> None:
        self._url, self._hub, self._clock, self._stop = database_url, hub, clock, stop
        self._last: NetworkNow | None = None
        self._failure: Exception | None = None
        self._worker, self._started_at = worker_name(), clock()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    @property
    def last(self) -> NetworkNow:
        """The newest snapshot; raises NothingSeenYet."""
        if self._last is None:
            raise NothingSeenYet("the console cannot reach the database yet")
        return self._last

    @property
    def has_seen(self) -> bool:
        """Whether there is a snapshot."""
        return self._last is not None

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread after `stop` was set; raises what ended it before, if anything did."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def look(self, conn: Connection) -> None:
        """Look once, and publish everything and what is new in it."""
        before, after = self._last, read_snapshot(conn, self._clock())
        self._last = after
        everything = event("network", after)
        news = everything if before is None or not same_rows(before, after) else event("change", changed(before, after))
        self._hub.publish_threadsafe(everything, news)

    def _run(self) -> None:
        """Watch; what is not a database away ends the whole console, rather than leave pages that nobody feeds."""
        try:
            persist(self._watch, "console", stop=self._stop)
        except Exception as failure:  # noqa: BLE001  join raises it again
            self._failure = failure
            self._stop.set()

    def _watch(self) -> None:
        with connect_migrated(self._url, "console-watcher") as conn:
            conn.execute(f"listen {FEED_CHANNEL}")
            beat = Beat(conn, "console", self._worker, self._started_at)
            while not self._stop.is_set():
                began = time.monotonic()
                self.look(conn)
                beat.beat(self._clock())
                self._wait_for_change(conn, began + LOOK_EVERY_S)
                self._stop.wait(max(0.0, LOOK_APART_S - (time.monotonic() - began)))
            beat.end()

    def _wait_for_change(self, conn: Connection, until: float) -> None:
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            if any(True for _ in conn.notifies(timeout=min(left, STOP_NOTICED_S), stop_after=1)):
                self._stop.wait(SETTLE_S)
                return
