"""The desk of ingest: replays dead letters after a person has mended their cause, and discards what nobody needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from psycopg.types.json import Jsonb

from ingest.books.dead_letter import NoSuchDeadLetter
from ingest.books.receipt import Receipt
from ingest.receiving import registry_table
from ingest.receiving.batch import Batch, prepare
from ingest.storing import pictures
from ingest.storing.transaction import store
from quantrac.database import audit
from quantrac.database.pool import Connection
from quantrac.mqtt.delivery import Delivery
from quantrac.telemetry.errors import QuantracError

LETTER = "select topic, status, closed_by, first_received_at from dead_letter where dead_letter_id = %s for update"
PAYLOAD = "select payload, length from dead_letter where dead_letter_id = %s"
PICTURE = "select properties, jpeg from dead_picture where dead_letter_id = %s"
FORGET_PICTURE = "delete from dead_picture where dead_letter_id = %s"
CLOSE = """
update dead_letter set status = %s, closed_by = %s, closed_reason = %s, closed_at = %s where dead_letter_id = %s
"""
REMAINS = "update dead_letter set status = 'partial', detail = %s where dead_letter_id = %s"
NOT_CLOSED: Final = ("open", "partial")


class ReplayError(QuantracError):
    """The dead letter cannot be replayed; the text says why."""


class LetterClosedError(QuantracError):
    """The dead letter has been replayed or discarded before."""


class NoReasonError(QuantracError):
    """Nobody will know later why it was discarded."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay brought."""

    readings: int
    """Readings added to the database."""
    still_refused: int
    """Readings that are refused still."""
    pictures: int = 0
    """Pictures added to the database."""


def replay(conn: Connection, dead_letter: int, person: str, now: datetime, reason: str = "replayed") -> Replayed:
    """Store what a dead letter holds as if it arrived now, with its first receipt; its seq moves from dead to stored.

    In the book by arrival it stays what it was: rejected, once for each delivery.
    Raises NoSuchDeadLetter, LetterClosedError, ReplayError when it was cut on receipt, or nothing can be stored still.
    """
    with conn.transaction():
        topic, received_us = _lock(conn, dead_letter)
        if topic.endswith("/image"):
            replayed = _replay_picture(conn, dead_letter, topic, received_us)
        else:
            replayed = _replay_message(conn, dead_letter, topic, received_us)
        if not replayed.still_refused:
            conn.execute(CLOSE, ["replayed", person, reason, now, dead_letter])
        audit.record(conn, now, person, "replay", f"dead letter {dead_letter}", reason, asdict(replayed))
    return replayed


def discard(conn: Connection, dead_letter: int, person: str, reason: str, now: datetime) -> None:
    """Close a dead letter for good: nobody will replay it. In the books it stays dead.

    Raises NoSuchDeadLetter, LetterClosedError, NoReasonError.
    """
    if not reason.strip():
        raise NoReasonError(f"dead letter {dead_letter} stays as it is: say why nobody needs it")
    with conn.transaction():
        _lock(conn, dead_letter)
        conn.execute(CLOSE, ["discarded", person, reason, now, dead_letter])
        conn.execute(FORGET_PICTURE, [dead_letter])
        audit.record(conn, now, person, "discard", f"dead letter {dead_letter}", reason)


def _lock(conn: Connection, dead_letter: int) -> tuple[str, int]:
    """Return topic and first receipt of a dead letter that is open, and hold it."""
    row = conn.execute(LETTER, [dead_letter]).fetchone()
    if row is None:
        raise NoSuchDeadLetter(dead_letter)
    topic, status, closed_by, received_at = row
    if status not in NOT_CLOSED:
        raise LetterClosedError(f"dead letter {dead_letter} is {status} already (by {closed_by})")
    return topic, int(received_at.timestamp() * 1_000_000)


def _replay_message(conn: Connection, dead_letter: int, topic: str, received_us: int) -> Replayed:
    payload, length = conn.execute(PAYLOAD, [dead_letter]).fetchone() or (b"", 0)
    if length != len(payload):
        raise ReplayError(f"dead letter {dead_letter}: only {len(payload)} of its {length} bytes were kept")
    receipt = Receipt(_delivery(topic, payload, {}), received_us)
    batch = prepare([receipt], registry_table.load_in(conn))
    _require_storable(batch, dead_letter)
    stored = store(conn, batch, replay=True, cautious=True)
    for letter in batch.letters:  # at most one: what is refused still
        conn.execute(REMAINS, [Jsonb(letter.detail()), dead_letter])
    return Replayed(stored.readings, sum(len(letter.refused) for letter in batch.letters))


def _replay_picture(conn: Connection, dead_letter: int, topic: str, received_us: int) -> Replayed:
    kept = conn.execute(PICTURE, [dead_letter]).fetchone()
    if kept is None:
        raise ReplayError(
            f"dead letter {dead_letter} is a picture of which only the beginning was kept: whole are those of unknown "
            "stations and of times before in_service"
        )
    properties, jpeg = kept
    try:
        receipt = Receipt(_delivery(topic, jpeg, properties), received_us)
        pictures.store_again(conn, receipt, registry_table.load_in(conn))
    except pictures.NoPictureError as refusal:
        raise ReplayError(f"dead letter {dead_letter} is refused still: {refusal.reason}: {refusal}") from refusal
    conn.execute(FORGET_PICTURE, [dead_letter])
    return Replayed(readings=0, still_refused=0, pictures=1)


def _delivery(topic: str, payload: bytes, properties: Mapping[str, str]) -> Delivery:
    return Delivery(
        topic, bytes(payload), 0, 0, retain=False, dup=False, length=len(payload), sha256=None,
        properties=tuple(properties.items()),
    )  # fmt: skip


def _require_storable(batch: Batch, dead_letter: int) -> None:
    if batch.reports or (not batch.undecoded and batch.checked.usable.any()):
        return
    found = {_said(letter.reason, letter.found, [each.found for each in letter.refused]) for letter in batch.letters}
    why = "; ".join(sorted(found)) or "its station is not configured"
    raise ReplayError(f"dead letter {dead_letter} is refused still: {why}")


def _said(reason: str, found: str, refused: Sequence[str]) -> str:
    """Return why the letter is still refused, with the names of the refused parts."""
    what = ", ".join(refused) or found
    return what if what.startswith(f"{reason}: ") else f"{reason}: {what}"
