"""Keeps at storing a batch until it is stored: through a database that is away, a repeat, a poison message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import psycopg

from ingest import registry_table
from ingest.columns import Misfitting, station_in
from ingest.dead_letter import DeadLetter
from ingest.preparing import may_be_cured, prepare
from ingest.receipt import Receipt
from ingest.registry import Registry
from ingest.storing import Batch, Stored, store
from quantrac.database.pool import Connection, DatabaseUnreachable, one_line
from quantrac.mqtt import Backoff
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

RECOVERABLE_CLASSES: Final = ("08", "53", "57P")
"""SQLSTATEs that pass by themselves: connection, resources, shutdown and start-up of the server."""
RECOVERABLE_STATES: Final = frozenset({"40001", "40P01", "25006"})
"""Serialization, deadlock, and a server that is read-only while it changes its role."""
REFUSED_BY_DATABASE: Final = "refused_by_database"
"""Reason of a dead letter that passed every check and that the database would not take."""

log = logger(__name__)
T = TypeVar("T")


class NotMigratedError(QuantracError):
    """The database lacks our tables."""


class Stopped(Exception):
    """The service is to stop while a batch cannot be stored; it stays with the broker."""


def is_recoverable(error: Exception) -> bool:
    """Tell whether the same batch may be tried again, perhaps on a new connection."""
    if isinstance(error, DatabaseUnreachable):
        return True
    if not isinstance(error, psycopg.OperationalError | psycopg.InternalError):
        return isinstance(error, psycopg.InterfaceError)
    state = error.sqlstate
    return state is None or state.startswith(RECOVERABLE_CLASSES) or state in RECOVERABLE_STATES


class Writer:
    """Owns the database connection and the registry."""

    def __init__(self, connect: Callable[[], Connection], rest: Callable[[float], bool]) -> None:
        """Prepare; nothing is connected before `open`.

        Args:
            connect: opens a connection; raises DatabaseUnreachable.
            rest: waits so many seconds and tells whether the service is to stop.
        """
        self._connect, self._rest = connect, rest
        self._backoff = Backoff(first_s=0.2, longest_s=10.0)
        self._conn: Connection | None = None
        self._registry: Registry | None = None
        self.connected = False
        """Whether the last thing that was tried with the database worked."""

    @property
    def conn(self) -> Connection:
        """The connection; raises DatabaseUnreachable when there is none now."""
        if self._conn is None:
            raise DatabaseUnreachable("no connection to the database now")
        return self._conn

    def close(self) -> None:
        """Close the connection."""
        if self._conn is not None:
            self._conn.close()
            self._conn = None
        self.connected = False

    def persist(self, work: Callable[[], T]) -> T:
        """Do database work until it succeeds; raises Stopped, or an error that trying again does not mend."""
        while True:
            try:
                self._open()
                result = work()
            except (psycopg.Error, DatabaseUnreachable) as error:
                if not is_recoverable(error):
                    raise
                self.close()
                wait_s = self._backoff.next_wait_s()
                log.warning("database_unavailable", why=one_line(error), retry_s=round(wait_s, 1))
                if self._rest(wait_s):
                    raise Stopped from error
            else:
                self._backoff.reset()
                return result

    def _open(self) -> None:
        if self._conn is not None:
            return
        self._conn = self._connect()
        try:
            self._conn.execute("listen quantrac_change")
            self._registry = registry_table.load(self._conn)
        except psycopg.errors.UndefinedTable as error:
            raise NotMigratedError("the database has no tables of Quantrac: run quantrac db migrate") from error
        self.connected = True
        log.info("database_connected", stations=len(self._registry.stations), channels=len(self._registry.channel_id))

    def write(self, receipts: Sequence[Receipt]) -> list[Stored]:
        """Store deliveries; returns what each transaction did (one, unless a message had to be singled out)."""
        return self.persist(lambda: self._store_or_single_out(receipts))

    def _store_or_single_out(self, receipts: Sequence[Receipt]) -> list[Stored]:
        batch = self._prepare(receipts)
        try:
            return [self._store(batch)]
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(receipts) == 1:
                log.exception("refused_by_database", topic=receipts[0].delivery.topic, why=one_line(error))
                return [store(self.conn, self._poison(receipts[0], one_line(error)), cautious=True)]
        half = len(receipts) // 2
        return [*self._store_or_single_out(receipts[:half]), *self._store_or_single_out(receipts[half:])]

    def _store(self, batch: Batch) -> Stored:
        try:
            return store(self.conn, batch, cautious=False)
        except psycopg.errors.UniqueViolation:
            return store(self.conn, batch, cautious=True)

    def _prepare(self, receipts: Sequence[Receipt]) -> Batch:
        if self._others_have_written():
            self._refresh()
        assert self._registry is not None
        batch = prepare(receipts, self._registry)
        if may_be_cured(batch) and self._refresh():
            batch = prepare(receipts, self._registry)
        return batch

    def _others_have_written(self) -> bool:
        """Tell whether another session has appended to the change feed since we last looked."""
        own = self.conn.info.backend_pid
        writers = {note.pid for note in self.conn.notifies(timeout=0)}
        return bool(writers - {own})

    def _refresh(self) -> bool:
        """Load the registry again if the configuration has changed; tell whether it was."""
        assert self._registry is not None
        if not registry_table.is_outdated(self.conn, self._registry):
            return False
        self._registry = registry_table.load(self.conn)
        log.info("registry_reloaded", stations=len(self._registry.stations), channels=len(self._registry.channel_id))
        return True

    def _poison(self, receipt: Receipt, why: str) -> Batch:
        delivery = receipt.delivery
        letter = DeadLetter(
            delivery.topic, delivery.payload, REFUSED_BY_DATABASE, why, station_in(delivery.topic),
            length=delivery.length, sha256=delivery.sha256,
        )  # fmt: skip
        assert self._registry is not None
        nothing = prepare([], self._registry)
        return Batch(self._registry, nothing.checked, [Misfitting(letter, receipt.received_us)], [])
