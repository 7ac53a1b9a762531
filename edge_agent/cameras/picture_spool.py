"""The spool of pictures: a SQLite file and an epoch of their own, so that no reading waits for a picture."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_agent.spooling import salvage
from edge_agent.spooling.ranges import Range, RangeSet
from edge_agent.spooling.spool_file import SpoolDamaged, SpoolErrors, private
from quantrac.observe.logs import logger

log = logger(__name__)

FILE: Final = "pictures.db"
MOST_BYTES: Final = 200_000_000
"""A month of one picture of 70 kB each quarter of an hour; then the oldest go."""
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS picture (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    t      INTEGER NOT NULL,
    camera TEXT    NOT NULL,
    cause  TEXT    NOT NULL,
    jpeg   BLOB    NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS epoch (name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS refused (seq INTEGER PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS earlier (epoch TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_NAMED: Final = "SELECT epoch.name, seq FROM epoch, sqlite_sequence WHERE sqlite_sequence.name = 'picture'"


class SpooledPicture(NamedTuple):
    """A picture as it is sent; `t_ms` is when it was asked for."""

    seq: int
    t_ms: int
    camera: str
    cause: str
    jpeg: bytes


class PictureSpool:
    """Pictures that the centre does not have yet; any thread may call everything here.

    Everything may raise SpoolDamaged, after which `renew` goes on with a new file, or SpoolUnwritable.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """Open the spool of a station's folder, made if absent; a damaged one is set aside."""
        self._path, self._most_bytes = folder / FILE, most_bytes
        self._lock = threading.Lock()
        try:
            self._open()
        except SpoolDamaged as damage:
            self.renew(str(damage))

    def renew(self, why: str) -> None:
        """Set the damaged file aside and begin a new one under a new epoch, with the pictures that can still be read.

        Of the old epoch it is remembered that nothing is held any more, so that the centre books what never arrived.
        """
        with self._lock:
            self._db.close()
            aside = salvage.set_aside(self._path, secrets.token_hex(4))
            self._open()
            with SpoolErrors(), self._db:
                saved = self._take_over(aside)
            log.error("pictures_damaged", why=why, set_aside=str(aside), saved=saved)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def put(self, t_ms: int, camera: str, cause: str, jpeg: bytes) -> int:
        """Store a picture, synced, and return its seq."""
        with self._lock, SpoolErrors(), self._db:
            made = self._db.execute(
                "INSERT INTO picture (t, camera, cause, jpeg) VALUES (?, ?, ?, ?)", (t_ms, camera, cause, jpeg)
            )
            self._make_room()
            return int(made.lastrowid or 0)

    def read(self, seq: int) -> SpooledPicture | None:
        """Return a picture that is held."""
        with self._lock, SpoolErrors():
            row = self._db.execute("SELECT seq, t, camera, cause, jpeg FROM picture WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else SpooledPicture(*row)

    def remove(self, parts: Iterable[Range], *, refused: bool = False) -> None:
        """Forget pictures that are settled, or given up."""
        with self._lock, SpoolErrors(), self._db:
            for lo, hi in parts:
                if refused:
                    self._db.execute(
                        "INSERT OR IGNORE INTO refused SELECT seq FROM picture WHERE seq BETWEEN ? AND ?", (lo, hi)
                    )
                else:
                    self._db.execute("DELETE FROM refused WHERE seq BETWEEN ? AND ?", (lo, hi))
                self._db.execute("DELETE FROM picture WHERE seq BETWEEN ? AND ?", (lo, hi))

    def held(self) -> RangeSet:
        """Return the seqs held."""
        with self._lock, SpoolErrors():
            return RangeSet((seq, seq) for (seq,) in self._db.execute("SELECT seq FROM picture ORDER BY seq"))

    def refused(self) -> list[int]:
        """Return the seqs that were given up and that the centre has not settled."""
        with self._lock, SpoolErrors():
            return [seq for (seq,) in self._db.execute("SELECT seq FROM refused ORDER BY seq")]

    def begin_epoch(self) -> None:
        """Renumber the pictures held, from 1, under a new epoch."""
        with self._lock, SpoolErrors(), self._db:
            held = self._db.execute("SELECT seq FROM picture ORDER BY seq").fetchall()
            self._db.executemany(
                "UPDATE picture SET seq = ? WHERE seq = ?", [(n, seq) for n, (seq,) in enumerate(held, 1)]
            )
            self._db.execute("DELETE FROM refused")
            self._db.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'picture'", (len(held),))
            self.epoch = secrets.token_hex(4)
            self._db.execute("UPDATE epoch SET name = ?", (self.epoch,))

    @property
    def last(self) -> int:
        """Seq of the newest picture ever taken, 0 before the first."""
        with self._lock, SpoolErrors():
            row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'picture'").fetchone()
        return 0 if row is None else int(row[0])

    def earlier(self) -> dict[str, int]:
        """Return the epochs of picture spools that were damaged, with the last seq that is known of each."""
        with self._lock, SpoolErrors():
            return dict(self._db.execute("SELECT epoch, last FROM earlier"))

    def _open(self) -> None:
        private(self._path)
        with SpoolErrors():
            self._db = sqlite3.connect(self._path, check_same_thread=False, timeout=5)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(_TABLES)
            with self._db:
                if self._db.execute("SELECT count(*) FROM epoch").fetchone() == (0,):
                    self._db.execute("INSERT INTO epoch VALUES (?)", (secrets.token_hex(4),))
            (self.epoch,) = self._db.execute("SELECT name FROM epoch").fetchone()

    def _take_over(self, aside: Path) -> int:
        """Copy what a damaged spool still gives, picture by picture; return how many."""
        saved = last = 0
        with closing(sqlite3.connect(aside)) as old:
            for epoch, last in _rows(old, _NAMED):
                self._db.execute("INSERT OR IGNORE INTO earlier VALUES (?, ?)", (epoch, last))
            for seq in range(1, last + 1):
                for row in _rows(old, "SELECT t, camera, cause, jpeg FROM picture WHERE seq = ?", seq):
                    self._db.execute("INSERT INTO picture (t, camera, cause, jpeg) VALUES (?, ?, ?, ?)", row)
                    saved += 1
        return saved

    def _make_room(self) -> None:
        """Drop the oldest pictures above the bound; the newest stays."""
        (size,) = self._db.execute("SELECT coalesce(sum(length(jpeg)), 0) FROM picture").fetchone()
        dropped = 0
        for seq, length in self._db.execute("SELECT seq, length(jpeg) FROM picture ORDER BY seq").fetchall()[:-1]:
            if size <= self._most_bytes:
                break
            self._db.execute("DELETE FROM picture WHERE seq = ?", (seq,))
            size, dropped = size - length, dropped + 1
        if dropped:
            log.error("pictures_dropped", count=dropped, why="the spool has reached its size")


def _rows(db: sqlite3.Connection, query: str, *values: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a damaged file as far as they can be read."""
    with suppress(sqlite3.DatabaseError):
        yield from db.execute(query, values)
