"""Reads the stored readings of windows of channels, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ingest.books.arrivals import moment
from quantrac.database.columns import packed, read_columns
from quantrac.database.pool import Connection

Times = npt.NDArray[np.int64]
"""Microseconds since 1970."""

TOGETHER_US: Final = 60_000_000
"""Windows that begin and end within a minute of the middle one are read as one stretch of time for all their channels:
one look into an index for thousands of channels costs half of what a look for each of them does."""
TOGETHER: Final = """
select r.channel_id as place, r.time as time_us, {} from {} r
where r.channel_id = any(%(channel_id)s::int4[]) and r.time between %(first)s and %(last)s
"""
APART: Final = """
select w.nr::int4 - 1 as place, r.* from unnest(%(channel_id)s::int4[], %(low)s::timestamptz[], %(high)s::timestamptz[])
       with ordinality as w(channel_id, low, high, nr)
cross join lateral (
  select r.time as time_us, {} from {} r where r.channel_id = w.channel_id and r.time between w.low and w.high
  and r.time between %(first)s and %(last)s offset 0) r
"""
"""`offset 0` makes a look into the index of each window. In a young chunk the planner knows of no reading in that time,
and would compare every window with each of them."""
KEY: Final = {"place": "int4", "time_us": "timestamptz"}


def read_windows(
    conn: Connection,
    selected: tuple[str, str],
    windows: tuple[npt.NDArray[np.int32], Times, Times],
    columns: Mapping[str, str],
) -> dict[str, npt.NDArray[Any]]:
    """Return the readings of windows by `place` and `time_us`, in this order, with further columns.

    Args:
        conn: the connection.
        selected: what gives the further columns of a reading `r`, and the table.
        windows: channel_id, first and last time, both inclusive; at least one window. `place` is a window's number.
        columns: name to PostgreSQL's type of the further columns.
    """
    channel_id, low, high = windows
    _, number, windows_of = np.unique(channel_id, return_inverse=True, return_counts=True)
    together = (windows_of[number] == 1) & _are_near(low) & _are_near(high)
    pieces = []
    for query, chosen in ((TOGETHER, together), (APART, ~together)):
        own = np.flatnonzero(chosen)
        if len(own):
            parameters = {
                "channel_id": packed(channel_id[own], "int4"),
                "low": packed(low[own], "timestamptz"),
                "high": packed(high[own], "timestamptz"),
                "first": moment(int(low[own].min())),
                "last": moment(int(high[own].max())),
            }
            found = read_columns(conn, query.format(*selected), parameters, {**KEY, **columns})
            if query is TOGETHER:
                own = own[np.argsort(channel_id[own])]
                found["place"] = np.searchsorted(channel_id[own], found["place"])
            place = own[found["place"]]
            inside = (found["time_us"] >= low[place]) & (found["time_us"] <= high[place])
            pieces.append({name: column[inside] for name, column in (found | {"place": place}).items()})
    united = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    order = np.lexsort((united["time_us"], united["place"]))
    return {name: column[order] for name, column in united.items()}


def _are_near(times: Times) -> npt.NDArray[np.bool_]:
    return np.abs(times - np.median(times)) <= TOGETHER_US
