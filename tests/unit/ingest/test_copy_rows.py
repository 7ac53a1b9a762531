"""Packed COPY bytes equal those of psycopg's own binary dumpers, field by field."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.datetime import DatetimeBinaryDumper
from psycopg.types.numeric import FloatBinaryDumper, Int2BinaryDumper, Int4BinaryDumper

from ingest.storing import copy_rows

ROW = st.tuples(
    st.integers(-(2**31), 2**31 - 1),
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.one_of(st.none(), st.floats(allow_nan=False)),
    st.integers(0, 7),
    st.integers(0, 15),
)
RECEIVED = datetime(2026, 11, 24, 8, 0, 0, 123456, tzinfo=UTC)


def us(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def by_psycopg(rows: Sequence[Sequence[object]], dumpers: Sequence[type]) -> bytes:
    """COPY bytes as psycopg would make them."""
    assert PyFormat.BINARY
    assert Transformer
    out = bytearray(b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0))
    for row in rows:
        out += struct.pack("!h", len(row))
        for item, dumper in zip(row, dumpers, strict=True):
            data = None if item is None else bytes(dumper(type(item)).dump(item) or b"")
            out += struct.pack("!i", -1) if data is None else struct.pack("!i", len(data)) + data
    return bytes(out + struct.pack("!h", -1))


DUMPERS = [Int4BinaryDumper, DatetimeBinaryDumper, FloatBinaryDumper, Int2BinaryDumper, Int2BinaryDumper,
           DatetimeBinaryDumper]  # fmt: skip


@given(st.lists(ROW, max_size=20))
def test_rows_are_packed_as_psycopg_packs_them(rows: list[tuple[int, datetime, float | None, int, int]]) -> None:
    channel, time, value, state, tests = zip(*rows, strict=True) if rows else ([], [], [], [], [])
    columns = (
        np.array(channel, np.int32),
        np.array([us(each) for each in time], np.int64),
        np.array(value, np.float64),
        np.array(state, np.int16),
        np.array(tests, np.int16),
        np.full(len(rows), us(RECEIVED), np.int64),
    )
    assert copy_rows.pack(*columns) == by_psycopg([[*row, RECEIVED] for row in rows], DUMPERS)
    numbers = np.arange(len(rows), dtype=np.int32)
    staged = copy_rows.pack(*columns, ordinal=numbers, message=numbers)
    expected = [[*row, RECEIVED, n, n] for n, row in enumerate(rows)]
    assert staged == by_psycopg(expected, [*DUMPERS, Int4BinaryDumper, Int4BinaryDumper])
