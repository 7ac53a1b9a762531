"""Stored readings of a channel as columns, a month at a time: what a back-test runs over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from psycopg.sql import SQL, Composed, Literal

from alerts.evaluating.block import Block
from quantrac.database.pool import Connection
from quantrac.telemetry.states import State

A_STRETCH: Final = timedelta(days=31)
EPOCH_MS: Final = 946_684_800_000
"""2000-01-01, from which PostgreSQL counts microseconds."""

# As `alerts.evaluating.readings`: where the consumer `quality` was never registered the stateless verdict stands.
READINGS: Final = """
copy (
  select v.time, coalesce(v.value, 'NaN')::float8,
         (case when v.quality = 2 and not exists (select from consumer where consumer = 'quality') then 1
               else v.quality end)::int2,
         (array_position({states}, v.state) - 1)::int2
  from v_reading v where v.channel = {channel} and v.time > {first} and v.time <= {last} order by v.time
) to stdout (format binary)
"""

HEADER: Final = 19
"""Signature (11 bytes), flags and length of the extension (4 each)."""
ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("time_length", ">i4"), ("time", ">i8"),
        ("value_length", ">i4"), ("value", ">f8"),
        ("quality_length", ">i4"), ("quality", ">i2"),
        ("state_length", ">i4"), ("state", ">i2"),
    ]
)  # fmt: skip
"""A row of binary COPY; no column is null, so all rows are equally long."""


def stored_blocks(conn: Connection, channel: str, first: datetime, last: datetime) -> Iterator[Block]:
    """Yield the readings of a channel with first < time ≤ last, in order, each as if received at its own time."""
    start = first
    while start < last:
        end = min(start + A_STRETCH, last)
        block = _stretch(conn, channel, start, end)
        if len(block):
            yield block
        start = end


def _stretch(conn: Connection, channel: str, first: datetime, last: datetime) -> Block:
    query = _composed(channel, first, last)
    with conn.cursor() as cursor, cursor.copy(query) as copy:
        content = b"".join(bytes(part) for part in copy)
    rows = np.frombuffer(content, dtype=ROW, offset=HEADER, count=(len(content) - HEADER - 2) // ROW.itemsize)
    t_ms = rows["time"].astype(np.int64) // 1000 + EPOCH_MS
    return Block(
        t_ms=t_ms,
        value=rows["value"].astype(np.float64),
        quality=rows["quality"].astype(np.int8),
        received_ms=t_ms,
        state=rows["state"].astype(np.int8),
    )


def _composed(channel: str, first: datetime, last: datetime) -> Composed:
    words = [state.word for state in State]
    return SQL(READINGS).format(
        states=Literal(words), channel=Literal(channel), first=Literal(first), last=Literal(last)
    )
