"""Columns of numbers between numpy and the database: no value costs a Python object on its way.

The server packs a column into the bytes of its binary format (`int8send` and the like), so a whole result is one row;
`packed` does the same for an array that goes to the server. psycopg would make objects row by row, and dump a list
element by element.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from quantrac.database.pool import Connection

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "timestamptz": ">i8"}
)
SEND: Final[Mapping[str, str]] = MappingProxyType(
    {word: "timestamptz_send" if word == "timestamptz" else f"{word}send" for word in TYPES}
)
OIDS: Final[Mapping[str, int]] = MappingProxyType(
    {"int2": 21, "int4": 23, "int8": 20, "float8": 701, "timestamptz": 1184}
)
"""Of these types, in every PostgreSQL."""
NULL_LENGTH: Final = -1
EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 00:00 UTC, from which PostgreSQL counts, microseconds since 1970."""


def read_columns(
    conn: Connection, query: str, parameters: Mapping[str, object], columns: Mapping[str, str]
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a query by their names; times as microseconds since 1970.

    Args:
        conn: the connection.
        query: selects these columns under these names in its order of rows, none of them null (a value that may be
            missing: `coalesce(…, 'NaN')`).
        parameters: of the query.
        columns: name to PostgreSQL's type.

    Raises ValueError if a column held a null, or had another type.
    """
    statement = _packing(query, tuple(columns.items()))
    count, *values = conn.execute(statement, parameters, prepare=False, binary=True).fetchone() or (0,)
    found = {}
    for (name, word), value in zip(columns.items(), values, strict=True):
        column = np.frombuffer(value or b"", TYPES[word])
        if len(column) != count:
            raise ValueError(f"{count} rows, but {len(column)} values of {name}: a null, or no {word}")
        own = column.astype(column.dtype.newbyteorder("="))
        found[name] = own + EPOCH_US if word == "timestamptz" else own  # -0.0 + 0 is another number
    return found


@cache
def _packing(query: str, columns: tuple[tuple[str, str], ...]) -> bytes:
    """Return the query of one row that holds all of a query's columns; every query is a constant of its module."""
    sends = [
        sql.SQL("string_agg({}({}), ''::bytea)").format(sql.Identifier(SEND[word]), sql.Identifier(name))
        for name, word in columns
    ]
    whole = sql.SQL("select count(*), {} from ({}) as packed").format(sql.SQL(", ").join(sends), sql.SQL(query))
    return whole.as_bytes()


def array(values: Iterable[object]) -> str:
    """Return numbers (NaN stays NaN) or times as the literal of an array, to be cast to its type.

    psycopg would make each element a value of its own.
    """
    return "{" + ",".join(map(str, values.tolist() if isinstance(values, np.ndarray) else values)) + "}"


@dataclass(frozen=True, slots=True)
class PackedArray:
    """A parameter of a statement: an array in PostgreSQL's binary format."""

    data: bytes


class _PackedArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: PackedArray) -> bytes:
        return obj.data


psycopg.adapters.register_dumper(PackedArray, _PackedArrayDumper)


def packed(column: npt.NDArray[Any], word: str, null: npt.NDArray[np.bool_] | None = None) -> PackedArray:
    """Return a column as an array of PostgreSQL's type `word`, to be cast to it.

    Args:
        column: numbers; of `timestamptz` microseconds since 1970.
        word: one of `TYPES`.
        null: which of them are null.
    """
    kind = np.dtype(TYPES[word])
    elements = np.empty(len(column), np.dtype([("length", ">i4"), ("value", kind)]))
    elements["length"] = kind.itemsize
    elements["value"] = column - EPOCH_US if word == "timestamptz" else column
    has_null = null is not None and bool(null.any())
    # dimensions, whether there is a null, type; then of the one dimension its length and its lowest index
    head = struct.pack(">iii", 1, has_null, OIDS[word]) + struct.pack(">ii", len(column), 1)
    if not len(column):
        return PackedArray(struct.pack(">iii", 0, 0, OIDS[word]))
    if null is None or not has_null:
        return PackedArray(head + elements.tobytes())
    elements["length"][null] = NULL_LENGTH
    there = np.ones((len(column), elements.itemsize), np.bool_)
    there[null, elements.dtype["length"].itemsize :] = False
    return PackedArray(head + elements.view(np.uint8).reshape(there.shape)[there].tobytes())
