"""`read_windows`: the readings of windows, whether they are read together or each by itself."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from ingest import stored_readings
from ingest.books.arrivals import microseconds
from ingest.stored_readings import read_windows
from quantrac.database.columns import read_columns
from quantrac.database.pool import Connection

T0 = datetime(2026, 5, 1, tzinfo=UTC)
T0_US = microseconds(T0)
READINGS = [(channel_id, at_s) for channel_id in (1, 2, 3, 4) for at_s in (0, 1, 2, 60, 3_600, 800_000)]


def test_a_window_has_its_own_readings_wherever_it_lies(conn: Connection) -> None:
    for channel_id, at_s in READINGS:
        conn.execute(
            "insert into reading values (%s, %s, %s, 0, 0, %s)",
            [channel_id, T0 + timedelta(seconds=at_s), channel_id * 10.0 + at_s, T0],
        )
    near = [(3, 1, 2), (1, 0, 1), (5, 0, 2)]
    twice = [(2, 0, 1), (2, 1, 60)]
    apart = [(4, 3_600, 800_000)]
    for windows in (near, twice, apart, near + twice + apart):
        ids, low, high = (np.array(column, np.int64) for column in zip(*windows, strict=True))
        found = read_windows(
            conn,
            ("r.value", "reading"),
            (ids.astype(np.int32), low * 1_000_000 + T0_US, high * 1_000_000 + T0_US),
            {"value": "float8"},
        )
        rows = zip(
            found["place"].tolist(),
            ((found["time_us"] - T0_US) // 1_000_000).tolist(),
            found["value"].tolist(),
            strict=True,
        )
        assert list(rows) == [
            (place, at_s, channel_id * 10.0 + at_s)
            for place, (own, first, last) in enumerate(windows)
            for channel_id, at_s in READINGS
            if channel_id == own and first <= at_s <= last
        ]


def test_windows_that_end_far_apart_are_no_stretch_that_is_read_of_all_channels(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    last: list[object] = []

    def noted(conn: Connection, query: str, parameters: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
        last.append(parameters["last"])
        return read_columns(conn, query, parameters, types)

    monkeypatch.setattr(stored_readings, "read_columns", noted)
    low = np.full(3, T0_US, np.int64)
    high = low + np.array([10, 70, 3_600]) * 1_000_000
    read_windows(conn, ("r.value", "reading"), (np.arange(1, 4, dtype=np.int32), low, high), {"value": "float8"})
    assert last == [T0 + timedelta(seconds=70), T0 + timedelta(hours=1)]
