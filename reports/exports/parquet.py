"""Exports as Parquet, a group of rows a block."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyarrow import csv, parquet

from reports.exports.columns import Column

TYPES: Final = {"text": pa.string(), "number": pa.float64(), "count": pa.int32(), "truth": pa.bool_()}
GROUP: Final = 4 << 20
"""Bytes of lines in a group of rows: some 25,000 rows."""


def write_parquet(columns: Sequence[Column], zone: ZoneInfo, blocks: Iterable[bytes], out: IO[bytes]) -> int:
    """Write the rows and return their number. The same rows give the same bytes."""
    schema = pa.schema([(column.name, _type(column, zone)) for column in columns])
    count, pool = 0, pa.default_memory_pool()
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for group in _groups(blocks):
            table = _table(group, schema)
            writer.write_table(table, row_group_size=len(table))
            count += len(table)
            del table
            pool.release_unused()  # else the allocator keeps some 10 MB
    return count


def _type(column: Column, zone: ZoneInfo) -> Any:
    if column.kind in ("time", "local"):
        return pa.timestamp("ms", tz="UTC" if column.kind == "time" else zone.key)
    return TYPES[column.kind]


def _groups(blocks: Iterable[bytes]) -> Iterable[bytearray]:
    group = bytearray()
    for block in blocks:
        group += block
        if len(group) >= GROUP:
            yield group
            group = bytearray()
    if group:
        yield group


def _table(lines: bytearray, schema: Any) -> Any:
    return csv.read_csv(
        pa.BufferReader(lines),  # reads in place: a file of Python's would have each piece copied, 7 MB more
        read_options=csv.ReadOptions(use_threads=False, column_names=schema.names),
        convert_options=csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
        ),
    )
