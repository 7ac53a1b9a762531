"""The beat of a service worker: one row, renewed every 5 s, shown by `v_service`."""

from __future__ import annotations

import os
import socket
from datetime import datetime, timedelta
from typing import Final

from quantrac.database.pool import Connection

BEAT_EVERY: Final = timedelta(seconds=5)

BEAT = """
insert into service (service, worker, started_at, beat_at, connected, backlog_lag_s) values (%s, %s, %s, %s, %s, %s)
on conflict (service, worker) do update set started_at = excluded.started_at, beat_at = excluded.beat_at,
  connected = excluded.connected, backlog_lag_s = excluded.backlog_lag_s
"""


def worker_name() -> str:
    """Return the name of this process in `v_service`: machine and process number."""
    return f"{socket.gethostname()}-{os.getpid()}"


class Beat:
    """Call `beat` in every round of the service's loop; it writes when 5 s have passed or `connected` has changed."""

    def __init__(self, conn: Connection, service: str, worker: str, started_at: datetime) -> None:
        self._conn = conn
        self._key = (service, worker)
        self._started_at = started_at
        self._last: tuple[datetime, bool] | None = None

    def beat(self, now: datetime, *, connected: bool = True, backlog_lag_s: float | None = None) -> bool:
        """Write the row if it is due and return whether it was.

        `backlog_lag_s` is the age in seconds of the oldest work that waits, None where the service cannot know it.
        """
        if self._last is not None:
            then, was_connected = self._last
            if was_connected == connected and timedelta(0) <= now - then < BEAT_EVERY:
                return False
        self._conn.execute(BEAT, [*self._key, self._started_at, now, connected, backlog_lag_s])
        self._last = (now, connected)
        return True

    def end(self) -> None:
        """Remove the row: the worker has stopped on purpose."""
        self._conn.execute("delete from service where service = %s and worker = %s", self._key)
