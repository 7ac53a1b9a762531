"""One word for where a value goes."""

from __future__ import annotations

import random

import pytest

from alerts.rules.trend import Trend, trend_of

MINUTE = 60_000


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0, 4.6, 4.0, 3.7, 3.0, 2.6], Trend.FALLING),
        ([1.0, 1.1, 1.4, 1.5, 1.5, 2.0, 2.2], Trend.RISING),
        ([4.51, 4.50, 4.52, 4.50, 4.51, 4.49, 4.50, 2.40, 2.41], Trend.FALLING),  # a sudden fall is no noise
        ([2.8, 2.8, 2.8, 2.8], Trend.STEADY),
        ([2.80, 2.81, 2.80, 2.81], Trend.STEADY),  # within what the last decimal shows
        ([5.0, 1.0], None),  # two readings are no trend
        ([], None),
        ([3.0, 5.0, 2.9, 5.1, 3.1], Trend.STEADY),  # swings more than it goes
    ],
)
def test_trend(values: list[float], expected: Trend | None) -> None:
    assert trend_of([(i * MINUTE, value) for i, value in enumerate(values)], 2) is expected


def test_noise_without_a_course_is_steady_nineteen_times_in_twenty() -> None:
    chance = random.Random(1)
    series = [[(i * MINUTE, chance.gauss(5, 0.1)) for i in range(60)] for _ in range(200)]
    assert sum(trend_of(points, 2) is Trend.STEADY for points in series) >= 190


def test_readings_at_one_time_have_no_trend() -> None:
    assert trend_of([(0, 1.0), (0, 2.0), (0, 3.0)], 2) is None
