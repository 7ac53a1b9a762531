"""The desk of the books: what is missing, what was refused. The desk of ingest replays and discards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Literal

from ingest.books.dead_letter import NoSuchDeadLetter
from quantrac.database.pool import Connection, columns_of, rows_of

Status = Literal["open", "partial", "replayed", "discarded"]
STATUSES: Final[tuple[Status, ...]] = ("open", "partial", "replayed", "discarded")


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of `v_ledger`: both books of a station's epoch; all counts of messages, `conflict` of readings."""

    station: str
    epoch: str
    highest_seq: int
    stored: int
    dead: int
    lost: int
    missing: int
    received: int
    new: int
    duplicate: int
    rejected: int
    conflict: int

    @property
    def balanced(self) -> bool:
        """Whether both books balance: every seq is somewhere once, and so is every delivery."""
        by_sequence = self.highest_seq == self.stored + self.dead + self.lost + self.missing
        return by_sequence and self.received == self.new + self.duplicate + self.rejected


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """One row of `v_dead_letter`: `payload` is the first 64 KiB of `length` bytes, `sha256` that of all of them."""

    dead_letter_id: int
    first_received_at: datetime
    received_at: datetime
    topic: str
    station: str | None
    epoch: str | None
    seq: int | None
    payload: bytes
    length: int
    sha256: str
    reason: str
    detail: Any
    status: Status
    count: int
    closed_by: str | None
    closed_reason: str | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A second value for a channel and time, beside the one that stays; `count` deliveries brought it."""

    time: datetime
    channel: str
    value: float | None
    state: str
    kept_value: float | None
    kept_state: str | None
    epoch: str
    seq: int
    received_at: datetime
    count: int


LEDGER = f"select {columns_of(LedgerRow)} from v_ledger order by station, epoch"  # noqa: S608  # our own field names
DEAD_LETTERS = f"""
select {columns_of(DeadLetterRow)} from v_dead_letter
where status = any(%(statuses)s) and (%(station)s::text is null or station = %(station)s)
  and (%(misfit)s::text is null or reason = %(misfit)s)
order by dead_letter_id desc limit %(limit)s
"""  # noqa: S608
NOT_CLOSED = """
select dead_letter_id from v_dead_letter
where status in ('open', 'partial') and (%(station)s::text is null or station = %(station)s)
  and (%(misfit)s::text is null or reason = %(misfit)s)
order by dead_letter_id
"""
DEAD_LETTER = f"select {columns_of(DeadLetterRow)} from v_dead_letter where dead_letter_id = %s"  # noqa: S608
CONFLICTS = f"select {columns_of(Conflict)} from v_conflict order by received_at desc, channel, time limit %s"  # noqa: S608


def ledger(conn: Connection) -> list[LedgerRow]:
    """Return both books of every station and epoch."""
    return rows_of(conn, LedgerRow, LEDGER)


def conflicts(conn: Connection, limit: int = 100) -> list[Conflict]:
    """Return the newest second values that arrived for a key."""
    return rows_of(conn, Conflict, CONFLICTS, [limit])


def total(books: Iterable[LedgerRow]) -> LedgerRow:
    """Return the sums over books, under the station name `total`."""
    rows = list(books)
    counts = {field.name: sum(getattr(row, field.name) for row in rows) for field in fields(LedgerRow)[2:]}
    return LedgerRow(station="total", epoch="", **counts)


def dead_letters(
    conn: Connection,
    statuses: Iterable[Status] = ("open", "partial"),
    limit: int = 100,
    *,
    station: str | None = None,
    misfit: str | None = None,
) -> list[DeadLetterRow]:
    """Return the newest dead letters of some statuses, if asked only of one station and with one reason."""
    wanted = {"statuses": list(statuses), "limit": limit, "station": station, "misfit": misfit}
    return rows_of(conn, DeadLetterRow, DEAD_LETTERS, wanted)


def not_closed(conn: Connection, *, station: str | None = None, misfit: str | None = None) -> list[int]:
    """Return the numbers of all open and partial dead letters of a station, with a reason, or both, oldest first."""
    return [number for (number,) in conn.execute(NOT_CLOSED, {"station": station, "misfit": misfit})]


def dead_letter(conn: Connection, dead_letter_id: int) -> DeadLetterRow:
    """Return one dead letter; raises NoSuchDeadLetter."""
    found = rows_of(conn, DeadLetterRow, DEAD_LETTER, [dead_letter_id])
    if not found:
        raise NoSuchDeadLetter(dead_letter_id)
    return found[0]
