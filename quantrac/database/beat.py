"""The beat of a service worker: one row, renewed every 5 s, shown by `v_service`.

`beating` goes on with it while work is done that has no rounds.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from quantrac.database.outage import persist
from quantrac.database.pool import Connection, connect

BEAT_EVERY: Final = timedelta(seconds=5)
BEAT_LOOK_S: Final = 1.0
LONGEST_END_S: Final = 30.0
"""So long the end of beating is waited for: the database may be away."""

BEAT = """
insert into service (service, worker, started_at, beat_at, connected, backlog_lag_s, making_share, making_rate,
                     making_until)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (service, worker) do update set started_at = excluded.started_at, beat_at = excluded.beat_at,
  connected = excluded.connected, backlog_lag_s = excluded.backlog_lag_s, making_share = excluded.making_share,
  making_rate = excluded.making_rate, making_until = excluded.making_until
"""


def worker_name() -> str:
    """Return the name of this process in `v_service`: machine and process number."""
    return f"{socket.gethostname()}-{os.getpid()}"


class Making(NamedTuple):
    """How far somebody is who makes everything anew."""

    share: float
    """0 to 1."""
    rate: float | None = None
    """Rows a second; None: none were made yet."""
    until: datetime | None = None
    """When it will be done at this rate."""

    @classmethod
    def of(cls, share: float, rows: int, begun: datetime, now: datetime) -> Making:
        """Return how far one is who began at `begun` and has made `rows` by now. Pure."""
        took = now - begun
        if share <= 0 or took <= timedelta(0):
            return cls(share)
        return cls(min(share, 1.0), rows / took.total_seconds(), begun + took / share)


class Beat:
    """Call `beat` in every round of the service's loop; it writes when 5 s have passed or `connected` has changed."""

    def __init__(self, conn: Connection, service: str, worker: str, started_at: datetime) -> None:
        self._conn = conn
        self._key = (service, worker)
        self._started_at = started_at
        self._last: tuple[datetime, bool] | None = None

    def beat(
        self,
        now: datetime,
        *,
        connected: bool = True,
        backlog_lag_s: float | None = None,
        making: Making | None = None,
    ) -> bool:
        """Write the row if it is due and return whether it was.

        `backlog_lag_s` is the age in seconds of the oldest work that waits, None where the service cannot know it;
        `making`: how far it is in making everything anew.
        """
        if self._last is not None:
            then, was_connected = self._last
            if was_connected == connected and timedelta(0) <= now - then < BEAT_EVERY:
                return False
        made = making or (None, None, None)
        self._conn.execute(BEAT, [*self._key, self._started_at, now, connected, backlog_lag_s, *made])
        self._last = (now, connected)
        return True

    def end(self) -> None:
        """Remove the row: the worker has stopped on purpose."""
        self._conn.execute("delete from service where service = %s and worker = %s", self._key)


@contextmanager
def beating(
    url: str,
    service: str,
    worker: str,
    started_at: datetime,
    clock: Callable[[], datetime],
    making: Callable[[], Making],
) -> Iterator[None]:
    """Beat in a thread of its own, by a connection of its own, until the block ends."""
    done = threading.Event()

    def beat() -> None:
        with connect(url, f"quantrac {service}") as conn:
            own = Beat(conn, service, worker, started_at)
            while not done.is_set():
                own.beat(clock(), making=making())
                done.wait(BEAT_LOOK_S)

    thread = threading.Thread(target=lambda: persist(beat, service, stop=done), name=f"beat-{service}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(LONGEST_END_S)
