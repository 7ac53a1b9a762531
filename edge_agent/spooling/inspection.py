"""Inspection of a spool, whether its agent runs or not. Reads only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from edge_agent.spooling import tables, undated
from edge_agent.spooling.lines import decode_line
from edge_agent.spooling.ranges import RangeSet
from edge_agent.spooling.report import SpoolReport, report
from edge_agent.spooling.spool import DATABASE
from edge_agent.spooling.spool_file import SpoolError, SpoolErrors
from quantrac.telemetry.wire import STRICT_ERRORS


class NoSpool(SpoolError):
    """There is no spool in this folder."""


class SpoolFault(NamedTuple):
    """Something in a spool that should not be so."""

    epoch: str
    seq: int
    what: str


def inspect(folder: Path) -> SpoolReport:
    """Count what a spool holds; the newest second may not be counted yet while an agent runs."""
    with closing(_open(folder)) as db, SpoolErrors():
        return report(
            folder.name,
            tables.spans(db),
            tables.fate(db),
            used_bytes=tables.used_bytes(db),
            size_bytes=0,
            undated=undated.count(db),
            unstored=tables.unstored(db),
        )


def export(folder: Path, epoch: str | None = None, first: int = 1, last: int = 2**62) -> Iterator[bytes]:
    """Yield the stored messages as they are published, oldest first, seqs `first` to `last` of one epoch or of all."""
    with closing(_open(folder)) as db, SpoolErrors():
        for span in tables.spans(db):
            if epoch in (None, span.name):
                wanted = (span.base + first, span.base + min(last, span.last))
                for (line,) in db.execute("SELECT line FROM message WHERE n BETWEEN ? AND ? ORDER BY n", wanted):
                    yield line


def export_undated(folder: Path) -> Iterator[bytes]:
    """Yield the records that have no time yet, or never will, as JSON lines in the order in which they were measured.

    Of an earlier start of the machine they are readings without a time, which people may be able to date: `shown` is
    what the wall clock showed at the slot's end, and `since_boot` what had passed since the machine's start, both ms.
    """
    with closing(_open(folder)) as db, SpoolErrors():
        for boot, offset_ms, body in db.execute("SELECT boot, offset_ms, body FROM undated ORDER BY id"):
            shown, readings, events = json.loads(body)
            said = {"boot": boot, "shown": shown, "since_boot": shown - offset_ms, "r": readings, "e": events}
            yield json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def verify(folder: Path) -> Iterator[SpoolFault]:
    """Read everything and yield what is wrong: damaged pages, messages out of place, gaps without a reason."""
    with closing(_open(folder)) as db:
        try:
            (health,) = db.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            health = str(error)
        if health != "ok":
            yield SpoolFault("", 0, f"the file is damaged: {health}; the agent sets it aside when it meets the place")
            return
        fate = tables.fate(db)
        for span in tables.spans(db):
            held = RangeSet()
            wanted = (span.base + 1, span.base + span.last)
            for n, line in db.execute("SELECT n, line FROM message WHERE n BETWEEN ? AND ? ORDER BY n", wanted):
                held.add(n, n)
                if (wrong := _wrong(line, span.name, n - span.base)) is not None:
                    yield SpoolFault(span.name, n - span.base, wrong)
            for part in RangeSet(held.gaps(*wanted)).minus(fate.settled).minus(fate.lost):
                yield SpoolFault(span.name, part.lo - span.base, f"{part.hi - part.lo + 1} messages are not there")


def _wrong(line: bytes, epoch: str, seq: int) -> str | None:
    try:
        message = decode_line(line)
    except STRICT_ERRORS as error:
        return f"not a message: {error}"
    if (message.epoch, message.seq) != (epoch, seq):
        return f"found epoch {message.epoch} seq {message.seq}"
    return None


def _open(folder: Path) -> sqlite3.Connection:
    path = folder / DATABASE
    if not path.exists():
        raise NoSpool(f"{path}: there is no spool; check the station's name and QUANTRAC_STATE_DIR")
    with SpoolErrors():
        db = sqlite3.connect(path.absolute().as_uri() + "?mode=rw", uri=True, timeout=5)
        db.execute("PRAGMA query_only = 1")
        return db
