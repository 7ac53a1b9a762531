"""Stores pictures of cameras: a table and books of their own (topic `image` of docs/wire.md)."""

from __future__ import annotations

import hashlib
import queue
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from psycopg.types.json import Jsonb

from ingest.books import arrivals, breaches, dead_letters, ledger
from ingest.books.arrivals import Arrivals, BookKey, moment
from ingest.books.breach import Breach, breaches_of
from ingest.books.dead_letter import DeadLetter
from ingest.books.receipt import Receipt
from ingest.receiving.checks import FUTURE_ALLOWED_MS
from ingest.receiving.quotas import LetterQuota, PictureQuota, letters_beyond
from ingest.receiving.registry import Registry
from quantrac.database.pool import Connection
from quantrac.telemetry.breaches import BreachKind
from quantrac.telemetry.wire import MAX_EPOCH, MAX_SEQ, Misfit

NOT_JPEG: Final = "not_jpeg"
"""Reason of a dead letter: the payload is no JPEG."""
BAD_PROPERTIES: Final = "bad_properties"
"""Reason of a dead letter: user properties are missing or make no sense."""
JPEG_BEGINS: Final = b"\xff\xd8\xff"
PICTURES_AT_ONCE: Final = 4
"""Received and not acknowledged, and stored in one round while no readings wait."""
LONGEST_WORD: Final = 200
"""Of camera and cause, characters."""
CURED_BY_CONFIGURATION: Final = frozenset({Misfit.UNKNOWN_STATION.value, Misfit.BEFORE_SERVICE.value})
"""Reasons of refusals that a person can put right: such pictures are kept whole, to be replayed."""
MOST_REFUSED_BYTES: Final = 256 * 1024 * 1024
"""Of refused pictures that are kept whole; of what is refused beyond it only the beginning is kept."""

INSERT = """
insert into image (station, camera, time, sha256, cause, epoch, seq, received_at, jpeg)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing
"""
KEEP_WHOLE = """
insert into dead_picture (dead_letter_id, properties, jpeg)
select dead_letter_id, %(properties)s, %(jpeg)s from dead_letter
where topic = %(topic)s and sha256 = %(sha256)s and reason = %(reason)s and status = 'open'
  and (select coalesce(sum(length(jpeg)), 0) from dead_picture) + length(%(jpeg)s::bytea) <= %(most)s
on conflict do nothing
"""
OTHERS = "select exists (select from image where station = %s and camera = %s and time = %s and sha256 <> %s)"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a delivery on `image` says."""

    station: str
    epoch: str
    seq: int
    time_ms: int
    camera: str
    cause: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class PictureOutcome:
    """What became of a delivery: `new`, `duplicate` or `rejected`."""

    station: str
    outcome: str


class NoPictureError(Exception):
    """A delivery on `image` that cannot be kept as a picture."""

    def __init__(self, reason: str, found: str, epoch: str | None = None, seq: int | None = None) -> None:
        super().__init__(found)
        self.reason, self.epoch, self.seq = reason, epoch, seq


class Album:
    """Pictures that wait to be stored: at most the session's Receive Maximum."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[Receipt] = queue.Queue()
        self._next: Receipt | None = None

    def put(self, receipt: Receipt) -> None:
        """Take a delivery; never blocks."""
        self._waiting.put(receipt)

    def of_round(self, readings_wait: Callable[[], bool]) -> Iterator[Receipt]:
        """Yield what one round stores, the oldest first: one, and up to `PICTURES_AT_ONCE` while no readings wait.

        Each stays until the next is asked for: what could not be stored comes again. Pictures that keep coming hold
        up nobody's readings.
        """
        for number in range(PICTURES_AT_ONCE):
            if number and readings_wait():
                return
            if self._next is None and not self._waiting.empty():
                self._next = self._waiting.get()
            if self._next is None:
                return
            yield self._next
            self._next = None


def read(receipt: Receipt, registry: Registry) -> Picture:
    """Read a delivery. Raises NoPictureError."""
    delivery = receipt.delivery
    if receipt.was_cut:  # its properties were cut away, too
        found = f"{delivery.length} bytes, cut to {len(delivery.payload)} on receipt"
        raise NoPictureError(Misfit.TOO_LARGE.value, found)
    epoch, seq = _place(dict(delivery.properties))
    station = registry.stations.get(receipt.station)
    if station is None:
        raise NoPictureError(Misfit.UNKNOWN_STATION.value, f"picture of {receipt.station}", epoch, seq)
    said = dict(delivery.properties)
    time_ms = _time_ms(said.get("t", ""), station.in_service_ms, receipt.received_us // 1000, epoch, seq)
    for name in ("camera", "cause"):
        if not (0 < len(said.get(name, "")) <= LONGEST_WORD and "\x00" not in said[name]):
            raise NoPictureError(BAD_PROPERTIES, f"user property {name}: found {said.get(name)!r}", epoch, seq)
    if not delivery.payload.startswith(JPEG_BEGINS):
        raise NoPictureError(NOT_JPEG, f"begins with {delivery.payload[:4].hex(' ')}, a JPEG with ff d8 ff", epoch, seq)
    return Picture(station.name, epoch, seq, time_ms, said["camera"], said["cause"], delivery.payload)


def _place(said: Mapping[str, str]) -> tuple[str, int]:
    epoch, seq = said.get("epoch", ""), said.get("seq", "")
    if not (0 < len(epoch) <= MAX_EPOCH and epoch.isascii() and epoch.isprintable() and " " not in epoch):
        raise NoPictureError(BAD_PROPERTIES, f"user property epoch: found {epoch!r}")
    if not (seq.isascii() and seq.isdecimal() and len(seq) < 20 and 0 < int(seq) <= MAX_SEQ):
        raise NoPictureError(BAD_PROPERTIES, f"user property seq: found {seq!r}, expected 1 or more")
    return epoch, int(seq)


def _time_ms(text: str, earliest_ms: int, received_ms: int, epoch: str, seq: int) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise NoPictureError(BAD_PROPERTIES, f"user property t: found {text!r}, expected ms since 1970", epoch, seq)
    time_ms = int(text)
    if time_ms < earliest_ms:
        found = f"t {time_ms} is before the station's in_service {earliest_ms}"
        raise NoPictureError(Misfit.BEFORE_SERVICE.value, found, epoch, seq)
    if time_ms > received_ms + FUTURE_ALLOWED_MS:
        found = f"t {time_ms} is more than 5 min after its receipt {received_ms}"
        raise NoPictureError(Misfit.IN_THE_FUTURE.value, found, epoch, seq)
    return time_ms


def store(
    conn: Connection, receipt: Receipt, registry: Registry, letters: LetterQuota, most: PictureQuota
) -> PictureOutcome:
    """Store one delivery, or keep it as a dead letter, as its station's quotas allow; write both books; commit."""
    try:
        picture = read(receipt, registry)
        if not registry.has_book(picture.station, picture.epoch):
            raise NoPictureError(BAD_PROPERTIES, f"epoch {picture.epoch}: more than the station may have (quotas)")
    except NoPictureError as refusal:
        return refuse(conn, receipt, refusal, registry, letters)
    size, at_us = len(picture.jpeg), receipt.received_us
    if registry.quotas and not most.admit(picture.station, size, at_us, registry.quotas.pictures_mb):
        beyond = breaches_of(BreachKind.PICTURES, [(picture.station, at_us, size, f"camera {picture.camera}")])
        return _put_off(conn, receipt.refused(BreachKind.PICTURES, ""), beyond)
    with conn.transaction():
        arrived = _insert(conn, picture, receipt.received_us)
        ledger.book(conn, arrived)
    if not arrived.new.any():
        return PictureOutcome(picture.station, "duplicate")
    if registry.quotas:
        most.spend(picture.station, size)
    return PictureOutcome(picture.station, "new")


def store_again(conn: Connection, receipt: Receipt, registry: Registry) -> None:
    """Store a picture that was refused when it arrived, in the caller's transaction. Raises NoPictureError."""
    picture = read(receipt, registry)
    ledger.book(conn, _insert(conn, picture, receipt.received_us), again=True)


def _insert(conn: Connection, picture: Picture, received_us: int) -> Arrivals:
    """Insert a picture that is not there and return its entry in the books."""
    key = (picture.station, picture.camera, moment(picture.time_ms * 1000), hashlib.sha256(picture.jpeg).digest())
    row = [*key, picture.cause, picture.epoch, picture.seq, moment(received_us), picture.jpeg]
    new = conn.execute(INSERT, row).rowcount > 0
    other = conn.execute(OTHERS, key).fetchone() == (True,)
    book = BookKey(picture.station, picture.epoch)
    return arrivals.one(book, picture.seq, received_us, new=new, conflict=new and other)


def refuse(
    conn: Connection, receipt: Receipt, refusal: NoPictureError, registry: Registry, letters: LetterQuota
) -> PictureOutcome:
    """Keep a delivery as a dead letter as far as its station's quota allows, write both books, and commit."""
    letter = receipt.refused(refusal.reason, str(refusal), refusal.epoch, refusal.seq)
    if not letters.admit(letter, registry.rates):
        return _put_off(conn, letter, letters_beyond([letter], registry.rates))
    with conn.transaction():
        ledger.book(conn, arrivals.nothing().and_rejected([letter]))
        dead_letters.store(conn, [letter])
        if refusal.reason in CURED_BY_CONFIGURATION:
            _keep_whole(conn, receipt, refusal.reason)
    return PictureOutcome(receipt.station, "rejected")


def _put_off(conn: Connection, letter: DeadLetter, beyond: list[Breach]) -> PictureOutcome:
    """Count a delivery without its seq: the station sends it again."""
    with conn.transaction():
        ledger.book(conn, arrivals.nothing().and_rejected([replace(letter, epoch=None, seq=None)]))
        breaches.store(conn, beyond)
    return PictureOutcome(letter.station or "", "rejected")


def _keep_whole(conn: Connection, receipt: Receipt, reason: str) -> None:
    delivery = receipt.delivery
    conn.execute(
        KEEP_WHOLE,
        {
            "topic": delivery.topic,
            "sha256": hashlib.sha256(delivery.payload).digest(),
            "reason": reason,
            "properties": Jsonb(dict(delivery.properties)),
            "jpeg": delivery.payload,
            "most": MOST_REFUSED_BYTES,
        },
    )
