"""What a person may ask of ingest: replay a dead letter after what it fell over has been put right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingest import registry_table
from ingest.preparing import prepare
from ingest.receipt import Receipt
from ingest.storing import Batch, Purpose, store
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry.errors import QuantracError

LETTER = """
select topic, payload, length, status, first_received_at from dead_letter where dead_letter_id = %s for update
"""
CLOSE = """
update dead_letter set status = 'replayed', closed_by = %s, closed_reason = %s, closed_at = %s where dead_letter_id = %s
"""
REPLAYABLE: Final = ("open", "partial")


class ReplayError(QuantracError):
    """The dead letter cannot be replayed; the text says why."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay brought."""

    readings: int
    """Readings added to the database."""
    still_refused: int
    """Readings that are refused still."""


def replay(conn: Connection, dead_letter: int, person: str, now: datetime, reason: str = "replayed") -> Replayed:
    """Store what a dead letter holds as if it arrived now, with its first receipt; its seq moves from dead to stored.

    In the book by arrival it stays what it was: rejected, once for each delivery.
    Raises ReplayError when it is closed already, was cut on receipt, or nothing of it can be stored still.
    """
    with conn.transaction():
        delivery, received_at = _load(conn, dead_letter)
        received_us = int(received_at.timestamp() * 1_000_000)
        batch = prepare([Receipt(delivery, received_us)], registry_table.load_in(conn))
        _require_storable(batch, dead_letter)
        stored = store(conn, batch, cautious=True, purpose=Purpose.REPLAY)
        refused = sum(len(each.letter.refused) for each in batch.checked.misfits)
        if not refused:
            conn.execute(CLOSE, [person, reason, now, dead_letter])
        detail = {"readings": stored.readings, "still_refused": refused}
        audit.record(conn, now, person, "replay", f"dead letter {dead_letter}", reason, detail)
    return Replayed(stored.readings, refused)


def _load(conn: Connection, dead_letter: int) -> tuple[Delivery, datetime]:
    row = conn.execute(LETTER, [dead_letter]).fetchone()
    if row is None:
        raise ReplayError(f"dead letter {dead_letter}: there is none of this number")
    topic, payload, length, status, received_at = row
    if status not in REPLAYABLE:
        raise ReplayError(f"dead letter {dead_letter} is {status}; only {' and '.join(REPLAYABLE)} ones are replayed")
    if length != len(payload):
        raise ReplayError(f"dead letter {dead_letter}: only {len(payload)} of its {length} bytes were kept")
    delivery = Delivery(topic, bytes(payload), 0, 0, retain=False, dup=False, length=length, sha256=None, properties=())
    return delivery, received_at


def _require_storable(batch: Batch, dead_letter: int) -> None:
    if batch.reports or (not batch.misfits and batch.checked.usable.any()):
        return
    letters = [each.letter for each in (*batch.misfits, *batch.checked.misfits)]
    why = (
        "; ".join(sorted({f"{letter.reason}: {letter.found}" for letter in letters})) or "its station is not configured"
    )
    raise ReplayError(f"dead letter {dead_letter} is refused still: {why}")
