"""Cost of the agent's spool beside bare SQLite, and how long opening a spool of a million messages takes.

The baseline is the spool's own table in a file of its own, WAL, synchronous=FULL, and the same bytes inserted, already
encoded, by the same interpreter. Both take turns, so that what else the machine does strikes both alike.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from edge_agent.readings.records import SlotReading, SlotRecord
from edge_agent.sending.spool_start import LOOKED_BACK
from edge_agent.slots.continuity import SlotSeries, last_slots
from edge_agent.spooling.spool import Spool
from edge_agent.spooling.spool_file import connect
from quantrac.telemetry.states import State

READINGS: Final = 9
"""Of a message; with them it is 290 bytes long."""
FIRST_MS: Final = 1_790_000_000_000
KEEP_MS: Final = 60 * 86_400_000
SIZE_BYTES: Final = 4_000_000_000
TURNS: Final = 40


def channel(number: int) -> str:
    """Return the name of a channel, 0 to READINGS - 1."""
    return f"channel_{number}"


def record(number: int, t_ms: int) -> SlotRecord:
    """Return a message's content; each has values of its own."""
    readings = (SlotReading(channel(n), (number * 7 + n) % 20_000 / 100, State.OK) for n in range(READINGS))
    return SlotRecord(t_ms, tuple(readings))


def opened(folder: Path) -> Spool:
    """Open a spool of the size that station files ask for."""
    return Spool(folder, size_bytes=SIZE_BYTES, keep_ms=KEEP_MS, now_ms=FIRST_MS)


def run(messages: int) -> Iterator[str]:
    """Measure appends singly, and gathered as the agent does when many slots end at once; medians of all turns."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        for together in (1, 20):
            base = Path(folder) / f"by-{together}"
            base.mkdir()
            with closing(connect(base / "bare.db")) as bare, opened(base / "spool") as spool:
                records = [record(n, FIRST_MS + n) for n in range(messages // TURNS // together * together)]
                lines = [line for _, line in spool.append(records, FIRST_MS)]
                turns = [
                    (_bare_rate(bare, lines, together), _spool_rate(spool, records, together)) for _ in range(TURNS)
                ]
            plain, ours = (statistics.median(rates) for rates in zip(*turns, strict=True))
            ratio = statistics.median(ours / plain for plain, ours in turns)
            yield (
                f"spool, {together:>2} a transaction  {ours:>9,.0f} messages/s  {ratio:5.2f} x bare SQLite"
                f" ({plain:,.0f})"
            )


def _bare_rate(db: sqlite3.Connection, lines: list[bytes], together: int) -> float:
    (last,) = db.execute("SELECT coalesce(max(n), 0) FROM message").fetchone()
    began = time.perf_counter()
    for at in range(0, len(lines), together):
        rows = [(n, FIRST_MS, line) for n, line in enumerate(lines[at : at + together], last + at + 1)]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO message VALUES (?, ?, ?)", rows)
        db.execute("COMMIT")
    return len(lines) / (time.perf_counter() - began)


def _spool_rate(spool: Spool, records: list[SlotRecord], together: int) -> float:
    began = time.perf_counter()
    for at in range(0, len(records), together):
        spool.append(records[at : at + together], FIRST_MS)
    return len(records) / (time.perf_counter() - began)


def fill(folder: Path, messages: int, every_ms: int, last_ms: int) -> None:
    """Make a spool of so many unsent messages, the last of them at `last_ms`."""
    with opened(folder) as spool:
        for first in range(0, messages, 10_000):
            numbers = range(first, min(messages, first + 10_000))
            spool.append([record(n, last_ms - (messages - 1 - n) * every_ms) for n in numbers], FIRST_MS)


def opening(folder: Path) -> float:
    """Return how many seconds pass until a filled spool is open and each device's last slot has been looked for.

    One of the devices has never delivered: the agent then looks as far back as it ever does.
    """
    series = [SlotSeries("device", 1000, tuple(map(channel, range(READINGS)))), SlotSeries("silent", 1000, ("silent",))]
    began = time.perf_counter()
    with opened(folder) as spool:
        last_slots(series, spool.newest_first(LOOKED_BACK))
        spool.spans()
        spool.first()
        return time.perf_counter() - began
