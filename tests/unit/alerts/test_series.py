"""The series syntax of tests."""

from __future__ import annotations

import pytest

from alerts.trials.series import SeriesError, read_series
from quantrac.telemetry.quality import Quality


def test_a_series_is_read_place_by_place() -> None:
    samples = read_series("2.8x2 _x3 -1.5 null .5", 1000, start_ms=10_000)
    assert [(s.t_ms, s.value) for s in samples] == [
        (10_000, 2.8),
        (11_000, 2.8),
        (15_000, -1.5),
        (16_000, None),
        (17_000, 0.5),
    ]
    assert samples[3].quality == Quality.MISSING


@pytest.mark.parametrize("text", ["2.8x", "x6", "2.8x0", "2,8", "abc", "2.8 x6"])
def test_what_is_no_series_is_refused(text: str) -> None:
    with pytest.raises(SeriesError, match="series token"):
        read_series(text, 1000)
