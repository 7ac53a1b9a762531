"""Packs readings into the bytes of PostgreSQL's binary COPY, by numpy.

Format: https://www.postgresql.org/docs/17/sql-copy.html (Binary Format): a header, then for each row the number of
fields and for each field its length and bytes, big endian; a null has length -1 and no bytes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from quantrac.database.columns import EPOCH_US

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER: Final = b"\xff\xff"
NULL: Final = -1

ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("channel_length", ">i4"),
        ("channel", ">i4"),
        ("time_length", ">i4"),
        ("time", ">i8"),
        ("value_length", ">i4"),
        ("value", ">f8"),
        ("state_length", ">i4"),
        ("state", ">i2"),
        ("tests_length", ">i4"),
        ("tests", ">i2"),
        ("received_length", ">i4"),
        ("received", ">i8"),
    ]
)
"""channel_id, time, value, state, tests, received_at."""
STAGED_ROW: Final = np.dtype([*ROW.descr, ("ordinal_length", ">i4"), ("ordinal", ">i4"), ("message_length", ">i4"),
                              ("message", ">i4")])  # fmt: skip
"""The same with the reading's place in order of arrival, and its message."""

_LENGTHS: Final = {
    "channel": 4,
    "time": 8,
    "value": 8,
    "state": 2,
    "tests": 2,
    "received": 8,
    "ordinal": 4,
    "message": 4,
}
Ints = npt.NDArray[np.integer]


def pack(
    channel: Ints,
    time_us: Ints,
    value: npt.NDArray[np.float64],
    state: Ints,
    tests: Ints,
    received_us: Ints,
    *,
    ordinal: Ints | None = None,
    message: Ints | None = None,
) -> bytes:
    """Return the bytes of a whole COPY of these columns, row by row; NaN is a null, times are since 1970."""
    rows = np.empty(len(channel), ROW if ordinal is None else STAGED_ROW)
    rows["channel"], rows["time"], rows["value"] = channel, time_us - EPOCH_US, value
    rows["state"], rows["tests"], rows["received"] = state, tests, received_us - EPOCH_US
    names = [*_LENGTHS][:6]
    if ordinal is not None:
        rows["ordinal"], rows["message"] = ordinal, message
        names = [*_LENGTHS]
    rows["fields"] = len(names)
    for name in names:
        rows[f"{name}_length"] = _LENGTHS[name]
    return HEADER + _without_null_values(rows, np.isnan(value)) + TRAILER


def _without_null_values(rows: npt.NDArray[np.void], null: npt.NDArray[np.bool_]) -> bytes:
    if not null.any():
        return rows.tobytes()
    rows["value_length"][null] = NULL
    fields = rows.dtype.fields
    assert fields is not None
    at = fields["value"][1]
    there = np.ones((len(rows), rows.dtype.itemsize), np.bool_)
    there[null, at : at + 8] = False
    return rows.view(np.uint8).reshape(len(rows), -1)[there].tobytes()
