"""The writer: stores batches, keeps the registry fresh, singles out a message that would poison its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import psycopg

from ingest.books.receipt import Receipt
from ingest.receiving import registry_table
from ingest.receiving.batch import Batch, may_be_cured, poisoned, prepare, within_quotas
from ingest.receiving.quotas import LetterQuota, PictureQuota
from ingest.receiving.registry import Registry
from ingest.storing import pictures
from ingest.storing.tenure import Tenure
from ingest.storing.transaction import Stored, store
from quantrac.database.outage import Stop
from quantrac.database.pool import Connection, one_line
from quantrac.observe.logs import logger

REFUSED_BY_DATABASE: Final = "refused_by_database"
"""Reason of a dead letter that passed every check and that the database would not take."""
REFUSALS: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.StatementTooComplex,
)
"""What the database says of data that it will never take, however often it is offered."""
NOT_UNDERSTOOD: Final = "not_understood"
"""Reason of a dead letter that our own checks stumbled over."""

log = logger(__name__)


class _PoisonError(Exception):
    """Something in a number of deliveries cannot be handled; carries the reason for the dead letter."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(why)
        self.reason = reason


class Writer:
    """Owns the registry and the connection's transactions."""

    def __init__(self, connect: Callable[[], Connection], opened: Callable[[], None], stop: Stop) -> None:
        """Prepare; arguments as of Tenure, `opened` after the registry is loaded."""
        self.tenure = Tenure(connect, self._begin, stop)
        self._opened = opened
        self._registry = Registry.of([], [])
        self._letters, self._most_pictures = LetterQuota(), PictureQuota()

    @property
    def registry(self) -> Registry:
        """Stations and channels as known now."""
        return self._registry

    def write(self, receipts: Sequence[Receipt], batch: Batch | None = None) -> list[Stored]:
        """Store deliveries, prepared as `batch` or not yet; what poisons them is halved until it is alone.

        Returns what each transaction did: one, unless a message had to be singled out. Raises what Tenure.persist does.
        """
        stored: list[Stored] = []
        waiting: list[tuple[Sequence[Receipt], Batch | None]] = [(receipts, batch)]
        while waiting:
            some, prepared = waiting.pop()
            try:
                stored.append(self.tenure.persist(partial(self._store, some, prepared)))
            except _PoisonError as poison:
                if half := len(some) // 2:
                    waiting += [(some[half:], None), (some[:half], None)]
                else:
                    stored.append(self._keep_poison(some[0], poison))
        return stored

    def write_picture(self, receipt: Receipt) -> pictures.PictureOutcome:
        """Store a picture, or keep it as a dead letter. Raises what Tenure.persist does."""
        return self.tenure.persist(lambda: self._store_picture(receipt))

    def _store(self, receipts: Sequence[Receipt], batch: Batch | None) -> Stored:
        fresh = self._as_now(receipts, batch)
        try:
            with self._letters.charged_if_stored():
                return store(self.tenure.conn, within_quotas(fresh, self._letters))
        except REFUSALS as error:
            raise _PoisonError(REFUSED_BY_DATABASE, one_line(error)) from error

    def _keep_poison(self, receipt: Receipt, poison: _PoisonError) -> Stored:
        log.error("message_refused", topic=receipt.delivery.topic, reason=poison.reason, exc_info=poison)
        letter = poisoned(receipt, self._registry, poison.reason, str(poison))
        return self.tenure.persist(lambda: store(self.tenure.conn, letter))

    def _as_now(self, receipts: Sequence[Receipt], batch: Batch | None) -> Batch:
        """Return the batch, checked against the newest registry."""
        if self._others_have_written():
            self._refresh()
        if batch is None or batch.registry is not self._registry:
            batch = self._prepare(receipts)
        if may_be_cured(batch) and self._refresh():
            batch = self._prepare(receipts)
        return batch

    def _prepare(self, receipts: Sequence[Receipt]) -> Batch:
        try:
            return prepare(receipts, self._registry)
        except Exception as error:
            raise _PoisonError(NOT_UNDERSTOOD, repr(error)) from error

    def _store_picture(self, receipt: Receipt) -> pictures.PictureOutcome:
        self._refresh()
        try:
            with self._letters.charged_if_stored():
                return pictures.store(self.tenure.conn, receipt, self._registry, self._letters, self._most_pictures)
        except REFUSALS as error:
            log.exception("picture_refused", topic=receipt.delivery.topic, reason=REFUSED_BY_DATABASE)
            refusal = pictures.NoPictureError(REFUSED_BY_DATABASE, one_line(error))
            return pictures.refuse(self.tenure.conn, receipt, refusal, self._registry, self._letters)

    def _others_have_written(self) -> bool:
        """Tell whether another session has appended to the change feed since we last looked."""
        conn = self.tenure.conn
        writers = {note.pid for note in conn.notifies(timeout=0)}
        return bool(writers - {conn.info.backend_pid})

    def _refresh(self) -> bool:
        """Load the registry again if the configuration has changed; tell whether it was."""
        if not registry_table.is_outdated(self.tenure.conn, self._registry):
            return False
        self._load(self.tenure.conn)
        return True

    def _begin(self, conn: Connection) -> None:
        self._load(conn)
        self._opened()

    def _load(self, conn: Connection) -> None:
        self._registry = registry_table.load(conn)
        log.info("registry_loaded", stations=len(self._registry.stations), channels=len(self._registry.channel_id))
