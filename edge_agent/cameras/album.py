"""The spool of pictures: a SQLite file and an epoch of their own; readings' spool never waits for it."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from edge_agent.spooling.ranges import Range, RangeSet
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
"""


class Picture(NamedTuple):
    """A picture as it is sent; `t_ms` is when it was asked for."""

    seq: int
    t_ms: int
    camera: str
    cause: str
    jpeg: bytes


class Album:
    """Pictures that the centre does not have yet; any thread may call everything here."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        """Open the album of a station's folder, made if absent; a damaged one is set aside."""
        self._path, self._most_bytes = folder / FILE, most_bytes
        self._lock = threading.Lock()
        try:
            self._open()
        except sqlite3.DatabaseError as damage:
            aside = self._path.with_name(f"{FILE}.damaged-{secrets.token_hex(4)}")
            log.exception("pictures_damaged", set_aside=str(aside), error=str(damage))
            self._db.close()
            self._path.rename(aside)
            self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def put(self, t_ms: int, camera: str, cause: str, jpeg: bytes) -> int:
        """Store a picture, synced, and return its seq. Raises sqlite3.Error."""
        with self._lock, self._db:
            made = self._db.execute(
                "INSERT INTO picture (t, camera, cause, jpeg) VALUES (?, ?, ?, ?)", (t_ms, camera, cause, jpeg)
            )
            self._make_room()
            return int(made.lastrowid or 0)

    def read(self, seq: int) -> Picture | None:
        """Return a picture that is held."""
        with self._lock:
            row = self._db.execute("SELECT seq, t, camera, cause, jpeg FROM picture WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else Picture(*row)

    def remove(self, parts: Iterable[Range], *, refused: bool = False) -> None:
        """Forget pictures that are settled, or given up."""
        with self._lock, self._db:
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
        with self._lock:
            return RangeSet((seq, seq) for (seq,) in self._db.execute("SELECT seq FROM picture ORDER BY seq"))

    def refused(self) -> list[int]:
        """Return the seqs that were given up and that the centre has not settled."""
        with self._lock:
            return [seq for (seq,) in self._db.execute("SELECT seq FROM refused ORDER BY seq")]

    def begin_epoch(self) -> None:
        """Number the pictures held anew, from 1, under a new epoch."""
        with self._lock, self._db:
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
        with self._lock:
            row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'picture'").fetchone()
        return 0 if row is None else int(row[0])

    def _open(self) -> None:
        self._db = sqlite3.connect(self._path, check_same_thread=False, timeout=5)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)
        with self._db:
            if self._db.execute("SELECT count(*) FROM epoch").fetchone() == (0,):
                self._db.execute("INSERT INTO epoch VALUES (?)", (secrets.token_hex(4),))
        (self.epoch,) = self._db.execute("SELECT name FROM epoch").fetchone()

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
            log.error("pictures_dropped", count=dropped, why="the album has reached its size")
