"""Old messages keep to their rate, in bundles that fit the line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sending.pace import FIRST_BUNDLE, SMALLEST_BUNDLE, Pace
from quantrac.telemetry.wire import MAX_BUNDLE


@settings(deadline=None)
@given(st.floats(0.1, 1000), st.lists(st.floats(0, 3), max_size=50))
def test_never_more_than_the_rate_and_one_seconds_savings(rate: float, pauses: list[float]) -> None:
    pace, now_s, sent = Pace(rate), 100.0, 0
    for pause in pauses:
        now_s += pause
        allowed = pace.allowance(now_s)
        pace.spend(allowed)
        sent += allowed
    assert sent <= rate * (now_s - 100.0) + max(1.0, rate) + 1e-6


@pytest.mark.parametrize("rate", [0.2, 1.0, 50.0, 500.0])
def test_the_rate_is_reached(rate: float) -> None:
    pace, now_s, sent = Pace(rate), 0.0, 0
    while now_s < 100.0:
        allowed = pace.allowance(now_s)
        pace.spend(allowed)
        sent += allowed
        now_s += max(0.01, pace.wait_s())
    assert sent == pytest.approx(rate * 100, rel=0.1, abs=2)


def test_bundles_grow_with_quick_answers_and_shrink_with_slow_ones_and_losses() -> None:
    pace = Pace(500.0)
    assert pace.bundle_bytes == FIRST_BUNDLE
    for _ in range(10):
        pace.answered(0.1)
    assert pace.bundle_bytes == MAX_BUNDLE
    pace.answered(1.0)
    assert pace.bundle_bytes == MAX_BUNDLE
    pace.answered(5.0)
    pace.shrink()
    assert pace.bundle_bytes == MAX_BUNDLE // 4
    for _ in range(20):
        pace.shrink()
    assert pace.bundle_bytes == SMALLEST_BUNDLE
