"""The predicted tide: against published high waters, and its phases against its heights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import numpy as np

from alerts.rules.compiler import tides_of
from alerts.rules.tide import Tide
from quantrac.config.loader import load_network
from quantrac.config.tides import TidePhase

LOCAL = timezone(timedelta(hours=7))
MOUTH: Tide = tides_of(load_network(Path(__file__).parents[3] / "station_configs").settings.tides.values())[
    "st-tran-de"
]


def times(first: datetime, days: float, step_min: int = 10) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    start = int(first.timestamp() * 1000)
    return start + 60_000 * step_min * np.arange(int(days * 1440 / step_min))


def test_high_waters_at_tran_de_are_those_that_the_newspaper_forecast() -> None:
    # Báo Sóc Trăng, 25 February 2025: 02-04 h and 16:30-18:30 on 1 to 3 March, 2.15-2.25 m
    t_ms = times(datetime(2025, 3, 1, tzinfo=LOCAL), 3)
    height = MOUTH.heights(t_ms)
    tops = [i for i in range(1, len(t_ms) - 1) if height[i - 1] < height[i] >= height[i + 1]]
    clocks = [datetime.fromtimestamp(t_ms[i] / 1000, LOCAL) for i in tops]
    assert [clock.hour for clock in clocks] == [3, 16, 3, 16, 4, 17]
    assert max(height[tops]) + 0.35 > 1.9  # over the national datum, within 0.3 m of the forecast


def test_phases_follow_one_another_and_slack_surrounds_each_extreme() -> None:
    t_ms = times(datetime(2026, 1, 1, tzinfo=UTC), 365)
    height, phase = MOUTH.heights(t_ms), MOUTH.phases(t_ms)
    for i in range(1, len(t_ms) - 1):
        if height[i - 1] < height[i] > height[i + 1]:
            assert phase[i] == TidePhase.HIGH
        if height[i - 1] > height[i] < height[i + 1]:
            assert phase[i] == TidePhase.LOW
    runs = [int(phase[0])] + [int(b) for a, b in pairwise(phase.tolist()) if a != b]
    assert all(b == (a + 1) % len(TidePhase) for a, b in pairwise(runs))
    assert 0.2 < np.mean(phase == TidePhase.HIGH) < 0.3


def test_a_phase_does_not_depend_on_what_else_is_asked() -> None:
    t_ms = times(datetime(2026, 5, 1, tzinfo=UTC), 40)
    whole = MOUTH.phases(t_ms)
    assert [int(MOUTH.phases(t_ms[i : i + 1])[0]) for i in range(0, len(t_ms), 97)] == whole[::97].tolist()
