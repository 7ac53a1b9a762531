"""The connection to the database of the one worker that serves a slot now.

The lease is an advisory lock of the connection: it ends with it, however it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import psycopg

from quantrac.backoff import Backoff
from quantrac.database.pool import Connection, DatabaseUnreachable, one_line
from quantrac.observe import metrics
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

INGEST_LOCK: Final = 0x5154_0012
LEASE = "select pg_try_advisory_lock(%s)"
HOLDER = """
select pid from pg_locks
where locktype = 'advisory' and objsubid = 1 and mode = 'ExclusiveLock' and granted
  and classid::int8 = %s and objid::int8 = %s
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
    "listen quantrac_change",
)
RECOVERABLE_CLASSES: Final = ("08", "53", "57P")
"""SQLSTATEs that pass by themselves: connection, resources, shutdown and start-up of the server."""
RECOVERABLE_STATES: Final = frozenset({"40001", "40P01", "25006", "25P03", "55P03", "57014"})
"""Serialization, deadlock, a server that is read-only while it changes its role; and what took too long: idle in a
transaction, waiting for a lock, a statement."""
STAND_BY_S: Final = 0.5
TAKE_BACK_S: Final = 30.0
"""How long our own lost connection may still hold the lease, seconds."""

FAILURES: Final = metrics.counter(
    "quantrac_ingest_database_failures_total", "Times that work on the database had to begin again", ["reason"]
)

log = logger(__name__)
T = TypeVar("T")


class NotMigratedError(QuantracError):
    """The database lacks our tables."""


class RightsError(QuantracError):
    """The user of the database lacks a right that ingest needs."""


class LeaseLostError(QuantracError):
    """Another worker serves the slot."""


class Stopped(Exception):
    """The service is to stop while something cannot be done; what is not stored stays with the broker."""


def lease_key(slot: int) -> int:
    """Return the number of a slot's advisory lock."""
    return slot << 32 | INGEST_LOCK


def is_recoverable(error: Exception) -> bool:
    """Tell whether the same work may be tried again, perhaps on a new connection."""
    if isinstance(error, DatabaseUnreachable | psycopg.InterfaceError):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InternalError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(RECOVERABLE_CLASSES) or state in RECOVERABLE_STATES


class Tenure:
    """Holds connection and lease; `persist` does work on them until it succeeds."""

    def __init__(
        self,
        connect: Callable[[], Connection],
        opened: Callable[[Connection], None],
        rest: Callable[[float], bool],
        slot: int = 0,
    ) -> None:
        """Prepare; nothing is connected before the first `persist`.

        Args:
            connect: opens a connection; raises DatabaseUnreachable.
            opened: told each new connection that has the lease.
            rest: waits so many seconds and tells whether the service is to stop.
            slot: whose lease it is.
        """
        self._connect, self._opened, self._rest, self._slot = connect, opened, rest, slot
        self._backoff = Backoff(first_s=0.2, longest_s=10.0)
        self._conn: Connection | None = None
        self._last_backend: int | None = None
        """The server's process of our last connection that had the lease."""

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

    def persist(self, work: Callable[[], T]) -> T:
        """Do database work until it succeeds.

        Raises Stopped, LeaseLostError, NotMigratedError, RightsError, or an error that trying again does not mend.
        """
        while True:
            try:
                if self._conn is None:
                    self._conn = self._open()
                result = work()
            except psycopg.errors.InsufficientPrivilege as error:
                raise RightsError(f"{one_line(error)}: grant quantrac_ingest to the database user of ingest") from error
            except (psycopg.Error, DatabaseUnreachable) as error:
                if not is_recoverable(error):
                    raise
                self.close()
                FAILURES.labels(getattr(error, "sqlstate", None) or "away").inc()
                wait_s = self._backoff.next_wait_s()
                log.warning("database_unavailable", why=one_line(error), retry_s=round(wait_s, 1))
                if self._rest(wait_s):
                    raise Stopped from error
            else:
                self._backoff.reset()
                return result

    def close(self) -> None:
        """Close the connection and with it give up the lease."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None

    def _open(self) -> Connection:
        conn = self._connect()
        try:
            self._take_lease(conn)
            for statement in PREPARE:
                conn.execute(statement)
            self._opened(conn)
        except psycopg.errors.UndefinedTable as error:
            conn.close()
            raise NotMigratedError("the database has no tables of Quantrac: run quantrac db migrate") from error
        except BaseException:
            conn.close()
            raise
        return conn

    def _take_lease(self, conn: Connection) -> None:
        waited_s = 0.0
        while conn.execute(LEASE, [lease_key(self._slot)]).fetchone() != (True,):
            if waited_s > TAKE_BACK_S or not self._may_be_ours(conn):
                raise LeaseLostError(f"another worker serves slot {self._slot}")
            if self._rest(STAND_BY_S):
                raise Stopped
            waited_s += STAND_BY_S
        self._last_backend = conn.info.backend_pid

    def _may_be_ours(self, conn: Connection) -> bool:
        """Whether it is a lost connection of our own that still has the lease, or nobody has it any more.

        Only such a one is worth waiting for: whoever else serves the slot needs its session at the broker.
        """
        holder = conn.execute(HOLDER, [self._slot, INGEST_LOCK]).fetchone()
        return holder is None or holder == (self._last_backend,)
