"""The file of a spool: opened for durability, locked, with SQLite's errors sorted by what can be done."""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import IO, Final

from edge_agent.slots.kept_file import make_private, sync_folder
from quantrac.telemetry.errors import QuantracError

_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNREADABLE: Final = (
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_IOERR_CORRUPTFS,
)
"""Bad sectors: what is left can still be read around them."""


class SpoolError(QuantracError):
    """Something is wrong with the spool."""


class SpoolUnwritable(SpoolError):
    """The disk is full, read-only or failing. Nothing was appended; try again later."""


class SpoolDamaged(SpoolError):
    """The file is corrupt or its disk has bad sectors: `Spool.renew` sets it aside and goes on with a new one."""


class SpoolLocked(SpoolError):
    """Another agent uses this spool."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, made if absent, readable by its owner only. Raises SpoolDamaged, SpoolUnwritable."""
    private(path)
    with SpoolErrors(), ExitStack() as opened:
        db = opened.enter_context(
            closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5))
        )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA journal_size_limit = 4194304")
        for statement in Path(__file__).with_name("spool.sql").read_text("utf-8").split(";\n"):
            if statement.strip():
                db.execute(statement)
        opened.pop_all()  # open from here on; until here a failure closes it
    sync_folder(path.parent)
    return db


def private(path: Path) -> None:
    """Make a file of the spool for its owner only, before SQLite opens it. Raises SpoolUnwritable."""
    try:
        make_private(path)
    except OSError as error:
        raise SpoolUnwritable(f"the spool cannot be written: {error}") from error


def lock(path: Path) -> IO[bytes]:
    """Take the lock, held until the returned file is closed or the process ends.

    Raises SpoolLocked, SpoolUnwritable.
    """
    private(path)
    try:
        file = path.open("ab")
    except OSError as error:
        raise SpoolUnwritable(f"the spool cannot be written: {error}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SpoolLocked(f"{path}: another agent of this station is running; stop it first") from None
    return file


class SpoolErrors:
    """Turns SQLite's errors into the spool's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            code = extended & 0xFF
            if code in _DAMAGE or extended in _UNREADABLE:
                raise SpoolDamaged(f"the spool cannot be read: {error}") from error
            if code != sqlite3.SQLITE_ERROR:  # a mistake in a statement stays what it is
                raise SpoolUnwritable(f"the spool cannot be written: {error}") from error


class Transaction(SpoolErrors):
    """Everything or nothing, synced at the end."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        with SpoolErrors():
            self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error as failed:
                self._roll_back()
                super().__exit__(type(failed), failed, None)
        else:
            self._roll_back()
            super().__exit__(kind, error, trace)

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._db.execute("ROLLBACK")
