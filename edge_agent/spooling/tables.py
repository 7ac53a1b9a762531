"""The tables of a spool: notes, epochs, and which messages go when there must be room (`spool.sql`)."""

from __future__ import annotations

import json
import sqlite3
from typing import Final, NamedTuple

import msgspec

from edge_agent.spooling.fate import EpochSpan, SpoolFate
from edge_agent.spooling.ranges import RangeSet

AT_ONCE: Final = 500
"""Rows that one transaction deletes."""


class SpoolRow(NamedTuple):
    """A message that may go."""

    n: int
    at_ms: int
    """When it was appended."""


def number(db: sqlite3.Connection, query: str, *values: int) -> int:
    """Return the only number that a query gives."""
    return int(db.execute(query, values).fetchone()[0])


def used_bytes(db: sqlite3.Connection) -> int:
    """Return how much of the file holds something, bytes."""
    pages, free, size = (number(db, f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def spans(db: sqlite3.Connection, last: int | None = None) -> list[EpochSpan]:
    """Return every epoch held, oldest first; `last`: place of the newest message, if that is known."""
    newest = number(db, "SELECT coalesce(max(n), 0) FROM message") if last is None else last
    found = []
    for base, name, end in db.execute("SELECT base, name, last FROM epoch ORDER BY base").fetchall():
        to = max(base, newest) if end is None else end
        first = number(db, "SELECT coalesce(min(n), ? + 1) FROM message WHERE n > ? AND n <= ?", to, base, to)
        found.append(EpochSpan(name, base, first - base, to - base))
    return found


def note(db: sqlite3.Connection, name: str) -> str | None:
    """Return what was noted under a name."""
    row = db.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def set_note(db: sqlite3.Connection, name: str, value: str) -> None:
    """Note something under a name."""
    db.execute("REPLACE INTO note VALUES (?, ?)", (name, value))


def unstored(db: sqlite3.Connection) -> int:
    """Return how many records were lost from memory, and never stored."""
    known = note(db, "unstored") or ""
    return int(known) if known.isdecimal() else 0


def fate(db: sqlite3.Connection) -> SpoolFate:
    """Return what was known of the messages when it was saved last; what cannot be read is unknown, and sent again.

    The centre's next ack says what of it is settled.
    """
    try:
        saved = msgspec.json.decode(note(db, "fate") or "{}", type=dict[str, list[tuple[int, int]]])
    except msgspec.DecodeError:
        saved = {}
    return SpoolFate(*(RangeSet(saved.get(name, ())) for name in SpoolFate._fields))


def set_fate(db: sqlite3.Connection, known: SpoolFate) -> None:
    """Save what is known of the messages."""
    saved = {name: [*ranges] for name, ranges in zip(SpoolFate._fields, known, strict=True)}
    set_note(db, "fate", json.dumps(saved))


def count_start(db: sqlite3.Connection, boot_id: str) -> tuple[int, int]:
    """Count a start of the agent; return how often the machine and the agent have started since the spool was made."""
    try:
        last_boot, boots, starts = msgspec.json.decode(note(db, "starts") or '["",0,0]', type=tuple[str, int, int])
    except msgspec.DecodeError:
        last_boot, boots, starts = "", 0, 0
    boots, starts = boots + (last_boot != boot_id), starts + 1
    set_note(db, "starts", json.dumps([boot_id, boots, starts]))
    return boots, starts


def settled_rows(db: sqlite3.Connection, fate: SpoolFate, first: int, last: int) -> list[SpoolRow]:
    """Return the oldest acknowledged messages of the places `first` to `last`, up to AT_ONCE."""
    for part in fate.settled.within(first, last):
        if rows := oldest_rows(db, part.lo, part.hi):
            return rows
    return []


def oldest_rows(db: sqlite3.Connection, first: int, last: int) -> list[SpoolRow]:
    """Return the oldest messages of the places `first` to `last`, up to AT_ONCE."""
    query = "SELECT n, at FROM message WHERE n BETWEEN ? AND ? ORDER BY n LIMIT ?"
    return [SpoolRow(n, at) for n, at in db.execute(query, (first, last, AT_ONCE))]


def delete(db: sqlite3.Connection, fate: SpoolFate, rows: list[SpoolRow]) -> RangeSet:
    """Delete messages; enter those without an acknowledgement as lost, and return them."""
    lost = RangeSet((row.n, row.n) for row in rows).minus(fate.settled)
    for part in lost:
        fate.lost.add(*part)
    db.executemany("DELETE FROM message WHERE n = ?", [(row.n,) for row in rows])
    return lost
