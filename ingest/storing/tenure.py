"""The database connection of the worker that serves: it holds the lease, and repeats work until it succeeds.

The lease is an advisory lock of the connection: it ends with the connection, however that ends (decision 0034).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from psycopg.errors import InsufficientPrivilege

from quantrac.database import outage
from quantrac.database.feed import FEED_CHANNEL
from quantrac.database.outage import Stop
from quantrac.database.pool import Connection, DatabaseUnreachable, one_line
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

INGEST_LOCK: Final = 0x5154_0012
LEASE = "select pg_try_advisory_lock(%s)"
HOLDER = """
select pid from pg_locks
where locktype = 'advisory' and objsubid = 1 and mode = 'ExclusiveLock' and granted
  and classid = 0 and objid::int8 = %s
  and database = (select oid from pg_database where datname = current_database())
"""
PREPARE: Final = (
    # A worker whose machine vanished must not keep the lease for hours.
    "set tcp_keepalives_idle = 15",
    "set tcp_keepalives_interval = 5",
    "set tcp_keepalives_count = 3",
    # A process that was stopped in mid-transaction must not hold the feed's lock, a hung statement not the worker.
    "set idle_in_transaction_session_timeout = '60s'",
    "set statement_timeout = '120s'",
)
STAND_BY_S: Final = 0.5
"""How often a standby asks for the lease, seconds."""
TAKE_BACK_S: Final = 30.0
"""How long our own lost connection may still hold the lease, seconds."""

log = logger(__name__)
T = TypeVar("T")


class RightsError(QuantracError):
    """The user of the database lacks a right that ingest needs."""


class LeaseLostError(QuantracError):
    """Another worker has taken over."""


class Stopped(Exception):
    """The service is to stop while something cannot be done; what is not stored stays with the broker."""


class Tenure:
    """Holds connection and lease; `persist` repeats work on them until it succeeds."""

    def __init__(self, connect: Callable[[], Connection], opened: Callable[[Connection], None], stop: Stop) -> None:
        """Prepare; nothing is connected before the first `persist`.

        Args:
            connect: opens a connection; raises DatabaseUnreachable.
            opened: called with each new connection that has the lease.
            stop: ends the service.
        """
        self._connect, self._opened, self._stop = connect, opened, stop
        self._conn: Connection | None = None
        self._last_backend: int | None = None
        """The server's process of our last connection that had the lease."""
        self.standing_by = False
        """Whether another worker serves, and this one waits for the lease."""

    @property
    def connected(self) -> bool:
        """Whether there is a connection with the lease."""
        return self._conn is not None

    @property
    def conn(self) -> Connection:
        """The connection; raises DatabaseUnreachable when there is none now."""
        if self._conn is None:
            raise DatabaseUnreachable("no connection to the database now")
        return self._conn

    def begin(self) -> None:
        """Stand by until the lease is free, and take it. Raises what `persist` does."""
        self.persist(lambda: None)

    def persist(self, work: Callable[[], T]) -> T:
        """Do work on the connection, again on a new one after each outage, and return its result.

        Raises Stopped, LeaseLostError, RightsError, or an error that trying again does not mend.
        """

        def attempt() -> tuple[T]:
            try:
                if self._conn is None:
                    self._conn = self._open()
                return (work(),)
            except InsufficientPrivilege as error:
                raise RightsError(f"{one_line(error)}: grant quantrac_ingest to the database user of ingest") from error

        done = outage.persist(attempt, "ingest", stop=self._stop, away=lambda _: self.close())
        if done is None:
            raise Stopped
        return done[0]

    def close(self) -> None:
        """Close the connection and with it give up the lease."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _open(self) -> Connection:
        conn = self._connect()
        try:
            for statement in PREPARE:
                conn.execute(statement)
            self._take_lease(conn)
            conn.execute(f"listen {FEED_CHANNEL}")
            self._opened(conn)
        except BaseException:
            conn.close()
            raise
        finally:
            self.standing_by = False
        return conn

    def _take_lease(self, conn: Connection) -> None:
        waited_s = 0.0
        while conn.execute(LEASE, [INGEST_LOCK]).fetchone() != (True,):
            if self._last_backend is None:
                if not self.standing_by:
                    log.info("standby_started", why="another process serves")
                self.standing_by = True
            elif waited_s > TAKE_BACK_S or not self._may_be_ours(conn):
                raise LeaseLostError("another process serves")
            if self._stop.wait(STAND_BY_S):
                raise Stopped
            waited_s += STAND_BY_S
        log.info("lease_taken")
        self._last_backend = conn.info.backend_pid

    def _may_be_ours(self, conn: Connection) -> bool:
        """Whether it is a lost connection of our own that still has the lease, or nobody has it any more.

        Only such a one is worth waiting for: whoever else serves needs our session at the broker.
        """
        holder = conn.execute(HOLDER, [INGEST_LOCK]).fetchone()
        return holder is None or holder == (self._last_backend,)
