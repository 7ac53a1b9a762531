"""Old messages keep to their rate, in bundles that fit the line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sending.pace import FIRST_BUNDLE, LINE_S, SMALLEST_BUNDLE, Pace
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


BUNDLES = 4


def waits(speed: float, round_trip_s: float, seconds: float) -> tuple[list[tuple[float, float]], int]:
    """Send bundles over a line of `speed` bytes/s that carries one after the other; the simplest model of a modem.

    Returns when each bundle was published and how long the line was busy with what was ahead of it, and all bytes.
    """
    pace, now_s, free_s, carried = Pace(500.0), 0.0, 0.0, 0
    waited: list[tuple[float, float]] = []
    under_way: list[tuple[float, float, int, int]] = []
    while now_s < seconds:
        while len(under_way) < (BUNDLES if pace.is_measured else 1):
            size = pace.bundle_bytes
            free_s = max(free_s, now_s) + size / speed
            waited.append((now_s, free_s - now_s))
            under_way.append((free_s + round_trip_s, now_s, size, size + sum(s for _, _, s, _ in under_way)))
        now_s, published_s, size, ahead = under_way.pop(0)
        carried += size
        pace.answered(now_s - published_s, ahead, BUNDLES)
    return waited, carried


@pytest.mark.parametrize("round_trip_s", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("speed", [8e3, 16e3, 128e3, 1e6, 1e7])
def test_a_new_message_waits_a_second_behind_old_ones_whatever_the_line(speed: float, round_trip_s: float) -> None:
    waited, carried = waits(speed, round_trip_s, 120.0)
    assert max(wait for at, wait in waited if at > 5.0) <= LINE_S * 1.1
    least = min(speed, BUNDLES * MAX_BUNDLE / (BUNDLES * MAX_BUNDLE / speed + round_trip_s))
    assert carried >= (0.9 if round_trip_s < 0.5 else 0.35) * least * 110.0, "and the line is not left idle for it"


def test_little_under_way_says_nothing_of_the_line() -> None:
    pace = Pace(500.0)
    pace.answered(0.05, 300, BUNDLES)
    assert pace.bundle_bytes == FIRST_BUNDLE


def test_bundles_grow_by_two_at_most_and_shrink_with_losses() -> None:
    pace = Pace(500.0)
    assert pace.bundle_bytes == FIRST_BUNDLE
    pace.answered(0.001, FIRST_BUNDLE, BUNDLES)
    assert pace.bundle_bytes == 2 * FIRST_BUNDLE
    for _ in range(10):
        pace.answered(0.1, BUNDLES * pace.bundle_bytes, BUNDLES)
    assert pace.bundle_bytes == MAX_BUNDLE
    pace.shrink()
    assert pace.bundle_bytes == MAX_BUNDLE // 2
    for _ in range(20):
        pace.shrink()
    assert pace.bundle_bytes == SMALLEST_BUNDLE
