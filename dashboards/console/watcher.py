"""Reads the network while somebody looks, whenever the change feed moves and at the latest every two seconds."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from dashboards.console.hub import FRESH_S, Hub, Part
from dashboards.console.network_events import tell
from dashboards.console.snapshot import NetworkNow, part_of, read_snapshot
from quantrac.database.beat import Beat, worker_name
from quantrac.database.feed import FEED_CHANNEL
from quantrac.database.migration import connect_migrated
from quantrac.database.outage import persist
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import QuantracError

LOOK_EVERY_S: Final = 2.0
LOOK_APART_S: Final = 1.0
"""However fast readings come, pages get news at most once a second."""
REST_OF_A_LOOK: Final = 5.0
"""Looks begin so many times apart as one takes, up to LOOK_EVERY_S: a large network costs a fifth of a core at most."""
SETTLE_S: Final = 0.3
"""How long after a change the look is taken: by then quality has judged what came, as a rule."""
STOP_NOTICED_S: Final = 0.2
ATTENDED_S: Final = 10.0
"""How long after a request somebody is taken to look, though no page listens: it loads, or connects again."""
FIRST_LOOK_S: Final = 10.0
"""How long the first who comes waits for the look."""


END_S: Final = 5.0
"""Longest wait for the thread at the end."""


class NothingSeenYet(QuantracError):
    """The console cannot look at the database."""


class Watcher:
    """A thread with a connection of its own, which also beats as service `console`.

    While nobody looks it only beats. Without the database it is silent, and the pages grey by themselves.
    """

    def __init__(self, database_url: str, hub: Hub, clock: Callable[[], datetime], stop: threading.Event) -> None:
        self._url, self._hub, self._clock, self._stop = database_url, hub, clock, stop
        self._last: NetworkNow | None = None
        self._shown: dict[Part, NetworkNow] = {}
        """What the pages of each part have been sent last."""
        self._looked, self._looked_at = threading.Condition(), -math.inf
        self._asked, self._asked_at = threading.Event(), -math.inf
        self._failure: Exception | None = None
        self._worker, self._started_at = worker_name(), clock()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def attend(self) -> None:
        """Say that somebody looks: the next look is taken at once."""
        self._asked_at = time.monotonic()
        self._asked.set()

    def see(self) -> NetworkNow:
        """Return the network as it is now, at most FRESH_S old; the first who comes waits for the look.

        Raises NothingSeenYet where the database does not let it look.
        """
        self.attend()
        with self._looked:
            if self._last is None or not self._looked.wait_for(self._is_fresh, FIRST_LOOK_S):
                raise NothingSeenYet("the console cannot reach the database")
            return self._last

    @property
    def zone(self) -> ZoneInfo:
        """The network's time zone, as last seen; UTC before the first look."""
        return ZoneInfo("UTC" if self._last is None else self._last.time_zone)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the thread after `stop` was set, END_S at most; raises what ended it before, if anything did.

        What it asks a database that says nothing is for nobody then.
        """
        self._thread.join(END_S)
        if self._failure is not None:
            raise self._failure

    def look(self, conn: Connection) -> None:
        """Look once, and publish everything and what is new in it."""
        now = self._clock()
        whole, parts = read_snapshot(conn, now), self._hub.parts
        with self._looked:
            self._last, self._looked_at = whole, time.monotonic()
            self._looked.notify_all()
        for part in sorted(parts, key=lambda stations: stations is not None):  # the whole first
            after = part_of(conn, whole, part, now)
            tell(self._hub, self._shown.get(part), after, part)
            self._shown[part] = after
        self._shown = {part: shown for part, shown in self._shown.items() if part in parts}

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._looked_at < FRESH_S

    def _is_attended(self) -> bool:
        return self._hub.listeners > 0 or time.monotonic() - self._asked_at < ATTENDED_S

    def _run(self) -> None:
        """Watch; what is not a database away ends the whole console, rather than leave pages that nobody feeds."""
        try:
            persist(self._watch, "console", stop=self._stop)
        except Exception as failure:  # noqa: BLE001  join raises it again
            self._failure = failure
            self._stop.set()

    def _watch(self) -> None:
        with connect_migrated(self._url, "console-watcher") as conn:
            beat = Beat(conn, "console", self._worker, self._started_at)
            if self._last is None:
                self.look(conn)
            while not self._stop.is_set():
                beat.beat(self._clock())
                self._asked.clear()
                if self._is_attended():
                    self._follow(conn, beat)
                else:
                    self._asked.wait(STOP_NOTICED_S)
            beat.end()

    def _follow(self, conn: Connection, beat: Beat) -> None:
        """Look as long as somebody does."""
        conn.execute(f"listen {FEED_CHANNEL}")
        while not self._stop.is_set() and self._is_attended():
            began = time.monotonic()
            self.look(conn)
            apart_s = looks_apart_s(time.monotonic() - began)
            beat.beat(self._clock())
            self._wait_for_change(conn, began + LOOK_EVERY_S)
            self._stop.wait(max(0.0, began + apart_s - time.monotonic()))
        conn.execute(f"unlisten {FEED_CHANNEL}")

    def _wait_for_change(self, conn: Connection, until: float) -> None:
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            if list(conn.notifies(timeout=min(left, STOP_NOTICED_S), stop_after=1)):
                self._stop.wait(SETTLE_S)
                return


def looks_apart_s(took_s: float) -> float:
    """Return how long after the begin of a look that took so long the next one begins, seconds. Pure."""
    return min(max(LOOK_APART_S, REST_OF_A_LOOK * took_s), LOOK_EVERY_S)
