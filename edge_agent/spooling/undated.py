"""Undated records: they wait in the spool until the clock can be believed (table `undated` of `spool.sql`)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from edge_agent.clocks.trust import ClockStamp, Offered
from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from quantrac.telemetry.states import State

MOST_UNDATED: Final = 200_000
"""Then the oldest are lost: four years of a device each ten minutes, a day of ten devices each five seconds."""

_Body = tuple[int, list[tuple[str, float | None, str]], list[tuple[str, str | None, str, int]]]
_decoder: Final = msgspec.json.Decoder(_Body)


class Undated(NamedTuple):
    """A record that waits, and under which number."""

    id: int
    offered: Offered


def keep(db: sqlite3.Connection, boot: str, offered: Sequence[Offered]) -> int:
    """Store records of this start of the machine; return how many of the oldest had to go for them."""
    db.executemany(
        "INSERT INTO undated (boot, offset_ms, body) VALUES (?, ?, ?)",
        [(boot, each.stamp.offset_ms, _encoded(each.record)) for each in offered],
    )
    return db.execute(
        "DELETE FROM undated WHERE id <= (SELECT max(id) FROM undated) - ?", (MOST_UNDATED,)
    ).rowcount  # fmt: skip


def read(db: sqlite3.Connection, boot: str, most: int) -> list[Undated]:
    """Return records of a start of the machine, oldest first."""
    rows = db.execute("SELECT id, offset_ms, body FROM undated WHERE boot = ? ORDER BY id LIMIT ?", (boot, most))
    return [Undated(n, Offered(_decoded(body), ClockStamp(offset_ms, trusted=False))) for n, offset_ms, body in rows]


def forget(db: sqlite3.Connection, ids: Sequence[int]) -> None:
    """Remove records, which have become messages."""
    db.executemany("DELETE FROM undated WHERE id = ?", [(n,) for n in ids])


def count(db: sqlite3.Connection, boot: str | None = None) -> int:
    """Return how many records wait, of one start of the machine or of all."""
    (found,) = db.execute("SELECT count(*) FROM undated WHERE boot = coalesce(?, boot)", (boot,)).fetchone()
    return int(found)


def _encoded(record: SlotRecord) -> bytes:
    readings = [(name, value, state.word) for name, value, state in record.readings]
    return msgspec.json.encode((record.t_ms, readings, [tuple(event) for event in record.events]))


def _decoded(body: bytes) -> SlotRecord:
    t_ms, readings, events = _decoder.decode(body)
    return SlotRecord(
        t_ms,
        tuple(SlotReading(name, value, State.from_word(word)) for name, value, word in readings),
        tuple(StationEvent(*event) for event in events),
    )
