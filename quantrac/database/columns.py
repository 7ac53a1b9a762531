"""Reads the rows of a query as numpy columns, by PostgreSQL's binary COPY: no row costs a Python object.

Format: https://www.postgresql.org/docs/17/sql-copy.html (Binary Format): a header, then for each row the number of
fields and for each field its length and bytes, big endian.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from quantrac.database.pool import Connection

HEADER_BYTES: Final = 19
TRAILER_BYTES: Final = 2
TYPES: Final[Mapping[str, str]] = MappingProxyType({"int2": "i2", "int4": "i4", "int8": "i8", "float8": "f8"})


def read_columns(
    conn: Connection, query: str, parameters: Sequence[object], columns: Mapping[str, str]
) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a query by their names.

    Args:
        conn: the connection.
        query: selects exactly these columns, none of them null (a value that may be missing: `coalesce(…, 'NaN')`).
        parameters: in place of its `%s`; written into the text, so that each run is planned for its own values.
        columns: name to PostgreSQL's type (int2, int4, int8, float8), in the query's order.

    Raises ValueError if a column was null or had another type.
    """
    row = np.dtype(
        [
            ("fields", ">i2"),
            *(
                field
                for name, word in columns.items()
                for field in ((f"{name} length", ">i4"), (name, f">{TYPES[word]}"))
            ),
        ]
    )
    with conn.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout (format binary)", parameters) as copy:
        packed = b"".join(copy)
    count, rest = divmod(len(packed) - HEADER_BYTES - TRAILER_BYTES, row.itemsize)
    rows = np.frombuffer(packed, row, max(count, 0), HEADER_BYTES)
    if rest or any((rows[f"{name} length"] != row[name].itemsize).any() for name in columns):
        raise ValueError(f"the query gave a null, or a type other than {dict(columns)}: {query}")
    return {name: rows[name].astype(TYPES[word]) for name, word in columns.items()}
