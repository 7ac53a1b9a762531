"""The order in which messages are dropped for room: oldest acknowledged ones first, unacknowledged ones last."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from edge_agent.spooling.fate import SpoolFate
from edge_agent.spooling.ranges import RangeSet

AT_ONCE: Final = 500
"""Rows that one transaction deletes."""


class SpoolRow(NamedTuple):
    """A message that may go."""

    n: int
    at_ms: int
    """When it was appended."""


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
    """Delete messages; those that nobody has acknowledged are entered as lost, and returned."""
    lost = RangeSet((row.n, row.n) for row in rows).minus(fate.settled)
    for part in lost:
        fate.lost.add(*part)
    db.executemany("DELETE FROM message WHERE n = ?", [(row.n,) for row in rows])
    return lost
