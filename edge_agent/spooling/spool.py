"""The spool of a station: every message is on disk, synced, before anything of it is published.

One SQLite file in WAL mode. An append returns only when its transaction is synced, so a message that was announced
survives a power cut. One thread uses a Spool; a lock file keeps a second agent away from it.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Self

from edge_agent.clocks.trust import Offered
from edge_agent.readings.records import SlotRecord
from edge_agent.spooling import salvage, tables, undated
from edge_agent.spooling.fate import EpochSpan, SpoolFate
from edge_agent.spooling.lines import again, decode_line, line_of, readable
from edge_agent.spooling.ranges import Range, RangeSet
from edge_agent.spooling.spool_file import (
    SpoolDamaged,
    SpoolError,
    SpoolErrors,
    SpoolUnwritable,
    Transaction,
    connect,
    lock,
)
from edge_agent.spooling.undated import Undated
from quantrac.observe.logs import logger
from quantrac.telemetry.wire import Message

log = logger(__name__)

DATABASE: Final = "spool.db"
LOCK: Final = "spool.lock"
HOUR_MS: Final = 3_600_000
MOST_DROPPED: Final = 10_000
"""Messages that go before something new is stored again."""


class Spooled(NamedTuple):
    """A message on disk: its place in the spool and the bytes to publish."""

    n: int
    line: bytes


class Spool:
    """Messages of one station in the order they were made; see `spool.sql` for what is kept."""

    _db: sqlite3.Connection
    _epoch: str
    _base: int
    _last: int
    _fate: SpoolFate
    _unsaved: bool
    _doubtful: bool

    def __init__(self, folder: Path, *, size_bytes: int, keep_ms: int, now_ms: int) -> None:
        """Open the spool of `folder`, made if absent; a damaged one is set aside and replaced.

        Raises SpoolLocked, SpoolUnwritable.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.size_bytes = size_bytes
        self.keep_ms = keep_ms
        self.damage = ""
        """Why it had to be replaced since it was opened; empty: it had not."""
        with ExitStack() as opening:
            self._lock = opening.enter_context(lock(folder / LOCK))
            try:
                self._open(now_ms)
            except SpoolDamaged as damage:
                self.renew(str(damage), now_ms)
            opening.pop_all()  # held from here on; until here a failure lets go of it

    def close(self) -> None:
        """Save what is known and let go of the file and the lock."""
        with suppress(SpoolError):
            self.save()
        self._db.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def epoch(self) -> str:
        """Name of the epoch that new messages belong to."""
        return self._epoch

    @property
    def last(self) -> int:
        """Place of the newest message; 0 for a spool that never held one."""
        return self._last

    @property
    def fate(self) -> SpoolFate:
        """What is known of the messages; after a change call `note_change`."""
        return self._fate

    def note_change(self) -> None:
        """Note that the fate has changed: it is written with the next append, or by `save`."""
        self._unsaved = True

    def save(self) -> None:
        """Write the fate now. Raises SpoolUnwritable, SpoolDamaged."""
        if self._unsaved:
            with Transaction(self._db):
                tables.set_fate(self._db, self._fate)
            self._unsaved = False

    def append(self, records: Sequence[SlotRecord], now_ms: int, dated: Sequence[int] = ()) -> list[Spooled]:
        """Write records as the next messages, in one synced transaction, and return them.

        `dated`: numbers of the undated records among them, which wait no longer.
        Raises SpoolUnwritable (nothing was written), SpoolDamaged.
        """
        if self._doubtful:
            self._reopen()
        first = self._last + 1
        made = [Spooled(n, line_of(self._epoch, n - self._base, record)) for n, record in enumerate(records, first)]
        try:
            with Transaction(self._db):
                self._db.executemany("INSERT INTO message VALUES (?, ?, ?)", [(n, now_ms, line) for n, line in made])
                undated.forget(self._db, dated)
                if self._unsaved:
                    tables.set_fate(self._db, self._fate)
        except SpoolUnwritable:
            self._doubtful = True
            raise
        self._unsaved = False
        self._last += len(made)
        return made

    def keep_undated(self, boot_id: str, offered: Sequence[Offered]) -> int:
        """Store records that have no time yet, synced; return how many older ones had to go.

        Raises SpoolUnwritable (nothing was written), SpoolDamaged.
        """
        with Transaction(self._db):
            return undated.keep(self._db, boot_id, offered)

    def read_undated(self, boot_id: str, most: int) -> list[Undated]:
        """Return records without a time of one start of the machine, oldest first. Raises SpoolDamaged."""
        with SpoolErrors():
            return undated.read(self._db, boot_id, most)

    def count_undated(self, boot_id: str | None = None) -> int:
        """Return how many records have no time yet, of one start of the machine or of all. Raises SpoolDamaged."""
        with SpoolErrors():
            return undated.count(self._db, boot_id)

    def count_unstored(self, more: int = 0) -> int:
        """Return how many records were never stored since the spool was made, `more` of them just now.

        They were lost from memory while the disk was full. Raises SpoolUnwritable, SpoolDamaged.
        """
        with SpoolErrors():
            count = tables.unstored(self._db) + more
        if more:
            with Transaction(self._db):
                tables.set_note(self._db, "unstored", str(count))
        return count

    def synchronised_boot(self, boot_id: str | None = None) -> str:
        """Return in which start of the machine its clock was last seen synchronised; with a `boot_id`, note that.

        Raises SpoolUnwritable, SpoolDamaged.
        """
        if boot_id is not None:
            with Transaction(self._db):
                tables.set_note(self._db, "synchronised", boot_id)
        with SpoolErrors():
            return tables.note(self._db, "synchronised") or ""

    def read(self, lo: int, hi: int, most: int, most_bytes: int = 2**30) -> list[Spooled]:
        """Return messages of the places `lo` to `hi`, oldest first: up to `most` and `most_bytes`, but at least one.

        Raises SpoolDamaged.
        """
        found: list[Spooled] = []
        left = most_bytes
        with SpoolErrors():
            for n, line in self._db.execute(
                "SELECT n, line FROM message WHERE n BETWEEN ? AND ? ORDER BY n LIMIT ?", (lo, hi, most)
            ):
                left -= len(line) + 1
                if found and left < 0:
                    break
                found.append(Spooled(n, line))
        return found

    def lines_between(self, from_ms: int, to_ms: int, most: int) -> list[bytes]:
        """Return the messages of this time, both ends included, oldest first, up to `most`. Raises SpoolDamaged."""
        found: list[bytes] = []
        with SpoolErrors():
            for (line,) in self._db.execute("SELECT line FROM message WHERE at >= ? ORDER BY n", (from_ms - HOUR_MS,)):
                message = readable(line)
                if message is not None and from_ms <= message.t <= to_ms:
                    found.append(line)
                    if len(found) >= most:
                        break
        return found

    def newest_first(self, most: int) -> Iterator[Message]:
        """Yield the newest messages, up to `most`. Raises SpoolDamaged."""
        with SpoolErrors():
            rows = self._db.execute("SELECT line FROM message ORDER BY n DESC LIMIT ?", (most,))
            yield from (decode_line(line) for (line,) in rows)

    def spans(self) -> list[EpochSpan]:
        """Return every epoch held, oldest first. Raises SpoolDamaged."""
        with SpoolErrors():
            return tables.spans(self._db, self._last)

    def first(self) -> int:
        """Return the place of the oldest message held; `last` + 1 when there is none."""
        with SpoolErrors():
            return tables.number(self._db, "SELECT coalesce(min(n), ?) FROM message", self._last + 1)

    def used_bytes(self) -> int:
        """Return how much of the file holds something, bytes."""
        with SpoolErrors():
            return tables.used_bytes(self._db)

    def begin_epoch(self, repeat: Iterable[Range], now_ms: int) -> str:
        """Close the current epoch and begin a new one, which repeats under seqs of its own what `repeat` holds.

        Needed when the centre knows more of this epoch than the spool itself (a restored or cloned card): the seqs
        above the spool's last are somebody else's. Raises SpoolUnwritable, SpoolDamaged.
        """
        name, base = secrets.token_hex(4), self._last
        n = base
        with Transaction(self._db):
            self._db.execute("UPDATE epoch SET last = ? WHERE last IS NULL", (base,))
            self._db.execute("INSERT INTO epoch VALUES (?, ?, ?, NULL)", (base, name, now_ms))
            for part in repeat:
                for (line,) in self._db.execute(
                    "SELECT line FROM message WHERE n BETWEEN ? AND ? ORDER BY n", part
                ).fetchall():
                    if (message := readable(line)) is not None:
                        n += 1
                        said = again(message, name, n - base)
                        self._db.execute("INSERT INTO message VALUES (?, ?, ?)", (n, now_ms, said))
        self._epoch, self._base, self._last = name, base, n
        return name

    def make_room(self, now_ms: int, *, at_least_rows: int = 0) -> RangeSet:
        """Drop what must go for the size bound, up to MOST_DROPPED messages, and return what was lost by it.

        Order: acknowledged older than `keep`, then acknowledged, then unacknowledged, which is loss and is entered as
        such in the fate. `at_least_rows` are dropped of the acknowledged ones even below the bound: a full disk can be
        served by the spool's own freed pages. Raises SpoolUnwritable, SpoolDamaged.
        """
        lost, dropped = RangeSet(), 0
        while (dropped < at_least_rows or self.is_too_large) and dropped < MOST_DROPPED:
            rows = self._rows_to_drop()
            if not rows:
                break
            if dropped >= at_least_rows and rows[-1].at_ms > now_ms - self.keep_ms:
                log.warning("spool_keep_undercut", size_bytes=self.size_bytes, keep_ms=self.keep_ms)
            with Transaction(self._db):
                for part in tables.delete(self._db, self._fate, rows):
                    lost.add(*part)
                tables.set_fate(self._db, self._fate)
            dropped += len(rows)
        return lost

    @property
    def is_too_large(self) -> bool:
        """Whether the spool is above its size bound. Raises SpoolDamaged."""
        return self.used_bytes() > self.size_bytes

    def _rows_to_drop(self) -> list[tables.SpoolRow]:
        """Return what goes next; the newest message of all stays, so that counting goes on behind it."""
        with SpoolErrors():
            settled = tables.settled_rows(self._db, self._fate, self.first(), self._last - 1)
            return settled or (tables.oldest_rows(self._db, 0, self._last - 1) if self.is_too_large else [])

    def renew(self, reason: str, now_ms: int) -> None:
        """Set the damaged file aside, begin a new one, and take over what can still be read of the old.

        What was read keeps its epoch and seq and is sent under them. Raises SpoolUnwritable.
        """
        self.damage = reason
        with suppress(AttributeError, sqlite3.Error):
            self._db.close()
        stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
        aside = salvage.set_aside(self.folder / DATABASE, stamp)
        log.error("spool_damaged", reason=reason, set_aside=str(aside))
        self._open(now_ms, salvaged=aside)
        log.warning("spool_salvaged", messages=self._last, epochs=[span.name for span in self.spans()])

    def number_of_starts(self, boot_id: str) -> tuple[int, int]:
        """Count this start, and return how often the machine and the agent have started since the spool was made.

        `boot_id` changes with each start of the machine. Raises SpoolUnwritable.
        """
        with Transaction(self._db):
            return tables.count_start(self._db, boot_id)

    def _open(self, now_ms: int, salvaged: Path | None = None) -> None:
        self._db = connect(self.folder / DATABASE)
        self._fate, self._unsaved, self._doubtful = SpoolFate.unknown(), False, False
        with Transaction(self._db):
            held = self._db.execute("SELECT count(*) FROM epoch").fetchone()[0]
            if not held:
                base = salvage.take_over(self._db, salvaged, self._fate, now_ms) if salvaged else 0
                self._db.execute("INSERT INTO epoch VALUES (?, ?, ?, NULL)", (base, secrets.token_hex(4), now_ms))
        self._load()

    def _load(self) -> None:
        with SpoolErrors():
            row = self._db.execute("SELECT base, name FROM epoch WHERE last IS NULL").fetchone()
            if row is None:
                raise SpoolDamaged("no epoch is current")
            self._base, self._epoch = row
            self._last = max(self._base, tables.number(self._db, "SELECT coalesce(max(n), 0) FROM message"))
            self._fate = tables.fate(self._db)

    def _reopen(self) -> None:
        """After a failed write only the file knows what is in it. Raises SpoolUnwritable, and all stays as it was."""
        fresh = connect(self.folder / DATABASE)
        self._db.close()
        self._db, self._doubtful = fresh, False
        fate, unsaved = self._fate, self._unsaved
        self._load()
        self._fate, self._unsaved = fate, unsaved
