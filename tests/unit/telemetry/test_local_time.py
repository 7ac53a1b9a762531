"""People in Vietnam write and read their own wall clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from quantrac.telemetry import local_time


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24", "2026-11-23T17:00:00+00:00"),
        ("2026-11-24T07:05", "2026-11-24T00:05:00+00:00"),
        ("2026-11-24T07:05Z", "2026-11-24T07:05:00+00:00"),
    ],
)
def test_times_without_an_offset_are_local(text: str, utc: str) -> None:
    assert local_time.moment(text).isoformat() == utc


def test_times_are_shown_local() -> None:
    assert local_time.shown(datetime(2026, 11, 23, 17, 0, 5, tzinfo=UTC)) == "2026-11-24 00:00:05"
