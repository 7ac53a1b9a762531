"""Exports as CSV: the server's lines below a head."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO

from reports.exports.columns import Column


def write_csv(columns: Sequence[Column], blocks: Iterable[bytes], out: IO[bytes]) -> int:
    """Write the rows and return their number. Empty is null; times are ISO 8601 with their offset."""
    count = 0
    out.write(",".join(column.name for column in columns).encode() + b"\n")
    for block in blocks:
        out.write(block)
        count += block.count(b"\n")
    return count
