"""Salvage of messages from a damaged spool.

SQLite keeps a short row in one piece inside its page, and every message begins with the same words, so messages are
found by looking for them in the raw bytes of the file and of its write-ahead log: no page, index or header need be
whole. A message counts only if the strict decoder of the wire takes it. Old copies of dropped messages may turn up
again; sending them twice is harmless. Bad sectors are read around.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple

from edge_agent.spooling import tables
from edge_agent.spooling.fate import SpoolFate
from edge_agent.spooling.lines import decode_line
from edge_agent.spooling.ranges import RangeSet
from quantrac.telemetry.wire import STRICT_ERRORS, Message

_BEGINNING: Final = re.compile(rb'\{"epoch":"[!-~]{1,64}?","seq":[1-9]\d*,"t":')
_LONGEST: Final = 4096
"""SQLite's page: a longer message is in several pieces and cannot be found this way, bytes."""
_PIECE: Final = 1 << 20
_DECODER: Final = json.JSONDecoder()


class FoundEpoch(NamedTuple):
    """One epoch of a damaged spool and the range of seq that was found of it."""

    name: str
    first: int
    last: int


def set_aside(path: Path, mark: str) -> Path:
    """Rename a damaged database and its write-ahead log to `….damaged-<mark>`, and return the new name."""
    aside = path.with_name(f"{path.name}.damaged-{mark}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{mark}-{number}")
    for suffix in ("-wal", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    return aside


def take_over(db: sqlite3.Connection, aside: Path, fate: SpoolFate, now_ms: int) -> int:
    """Put what can be read of a damaged spool into a new one, under its old epochs; return the place of the last.

    What is missing between is entered in `fate` as lost.
    """
    base = 0
    for found in epochs(aside):
        end = base + found.last
        db.execute("INSERT INTO epoch VALUES (?, ?, ?, ?)", (base, found.name, now_ms, end))
        db.executemany(
            "INSERT OR IGNORE INTO message VALUES (?, ?, ?)",
            ((base + seq, now_ms, line) for seq, line in messages(aside, found.name)),
        )
        held = db.execute("SELECT n FROM message WHERE n > ? ORDER BY n", (base,))
        for gap in RangeSet((n, n) for (n,) in held).gaps(base + found.first, end):
            fate.lost.add(*gap)
        base = end
    tables.set_fate(db, fate)
    return base


def epochs(aside: Path) -> list[FoundEpoch]:
    """Return the epochs of which something can be read, the one with the oldest readings first."""
    found: dict[str, tuple[int, int, int]] = {}
    for message, _ in _all(aside):
        oldest, first, last = found.get(message.epoch, (message.t, message.seq, message.seq))
        found[message.epoch] = min(oldest, message.t), min(first, message.seq), max(last, message.seq)
    return [FoundEpoch(name, first, last) for name, (_, first, last) in sorted(found.items(), key=lambda i: i[1])]


def messages(aside: Path, epoch: str) -> Iterator[tuple[int, bytes]]:
    """Yield seq and line of what can be read of an epoch, in no order, some perhaps twice."""
    return ((message.seq, line) for message, line in _all(aside) if message.epoch == epoch)


def _all(aside: Path) -> Iterator[tuple[Message, bytes]]:
    for path in (aside, aside.with_name(aside.name + "-wal")):
        if path.exists():
            with path.open("rb", buffering=0) as file:
                yield from _found(_pieces(file))


def _found(pieces: Iterable[bytes]) -> Iterator[tuple[Message, bytes]]:
    """Yield the messages of a file that comes in pieces; one that lies across two of them is whole in the overlap."""
    held = b""
    for piece in pieces:
        held += piece
        certain = len(held) - _LONGEST if piece else len(held)
        for match in _BEGINNING.finditer(held):
            if match.start() < certain:
                found = _message(held[match.start() : match.start() + _LONGEST])
                if found is not None:
                    yield found
        held = held[max(0, certain) :]


def _pieces(file: FileIO) -> Iterator[bytes]:
    """Yield a file in pieces, what cannot be read as zeros, and an empty one at the end."""
    size = os.fstat(file.fileno()).st_size
    at = 0
    while at < size:
        piece = _read(file, at, min(_PIECE, size - at))
        yield piece
        at += len(piece)
    yield b""


def _read(file: FileIO, at: int, most: int) -> bytes:
    try:
        if read := os.pread(file.fileno(), most, at):
            return read
    except OSError:
        if most > _LONGEST:
            return b"".join(_read(file, at + part, min(_LONGEST, most - part)) for part in range(0, most, _LONGEST))
    return bytes(most)


def _message(beginning: bytes) -> tuple[Message, bytes] | None:
    text = beginning.decode("utf-8", "replace")
    try:
        _, end = _DECODER.raw_decode(text)
        line = text[:end].encode("utf-8")
        return decode_line(line), line
    except (ValueError, RecursionError, *STRICT_ERRORS):
        return None
