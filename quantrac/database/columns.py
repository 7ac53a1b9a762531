"""Columns of numbers between numpy and the database: no value costs a Python object on its way.

The server packs a column into the bytes of its binary format (`int8send` and the like), so a whole result is one row.
psycopg would make objects row by row, and dump a list element by element.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from psycopg import sql

from quantrac.database.pool import Connection

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"int2": ">i2", "int4": ">i4", "int8": ">i8", "float8": ">f8", "timestamptz": ">i8"}
)
SEND: Final[Mapping[str, str]] = MappingProxyType(
    {word: "timestamptz_send" if word == "timestamptz" else f"{word}send" for word in TYPES}
)
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
    packed = [
        sql.SQL("string_agg({}({}), ''::bytea)").format(sql.Identifier(SEND[word]), sql.Identifier(name))
        for name, word in columns.items()
    ]
    statement = sql.SQL("select count(*), {} from ({}) as packed").format(sql.SQL(", ").join(packed), sql.SQL(query))
    count, *values = conn.execute(statement, parameters, prepare=False, binary=True).fetchone() or (0,)
    found = {}
    for (name, word), value in zip(columns.items(), values, strict=True):
        column = np.frombuffer(value or b"", TYPES[word])
        if len(column) != count:
            raise ValueError(f"{count} rows, but {len(column)} values of {name}: a null, or no {word}")
        found[name] = column.astype(column.dtype.newbyteorder("=")) + (EPOCH_US if word == "timestamptz" else 0)
    return found


def array(column: npt.NDArray[np.number]) -> str:
    """Return a column as the literal of an array, to be cast to its type; NaN stays NaN."""
    return "{" + ",".join(map(str, column.tolist())) + "}"


def array_of_times(column: npt.NDArray[np.int64]) -> str:
    """Return microseconds since 1970 as the literal of an array of times; the session's time zone is UTC."""
    return "{" + ",".join(np.datetime_as_string(column.astype("datetime64[us]")).tolist()) + "}"
