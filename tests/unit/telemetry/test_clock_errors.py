"""What a centre holds of a station's clock, by the live messages that it hears."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from quantrac.telemetry.clock_errors import SURE_AFTER_MS, TOLERANCE_MS, ClockError, HeardClock, measured_ms

START_MS = 1_795_000_000_000
MINUTE = 60_000


def hear(departures: list[tuple[int, int]]) -> HeardClock:
    """Hear live messages of (milliseconds after the start, milliseconds ahead of the receipt)."""
    clock = HeardClock()
    for after_ms, ahead_ms in departures:
        clock = clock.heard(ahead_ms, START_MS + after_ms)
    return clock


off = st.integers(TOLERANCE_MS + 5_000, 20 * 3_600_000)
ways = st.lists(st.integers(0, 3_000), min_size=2, max_size=30)


@given(off, ways)
def test_a_clock_ahead_is_known_at_its_first_message(ahead_ms: int, way: list[int]) -> None:
    heard = hear([(n * 1000, ahead_ms - way_ms) for n, way_ms in enumerate(way)])
    assert heard.error is not None
    assert heard.error.since_ms == START_MS
    assert abs(heard.ahead_ms - ahead_ms) <= 3_000


@given(off, ways)
def test_a_clock_behind_is_known_once_messages_have_departed_alike_for_half_a_minute(
    behind_ms: int, way: list[int]
) -> None:
    said = [(n * 10_000, -behind_ms - way_ms) for n, way_ms in enumerate(way)]
    heard = hear(said)
    is_sure = said[-1][0] >= SURE_AFTER_MS
    assert (heard.error is not None) == is_sure
    if heard.error is not None:
        assert heard.error.since_ms == START_MS, "from the first of them on"
    assert hear([*said, (400_000, -200)]) == HeardClock(), "one that comes in time proves it right"


@given(st.integers(20, 5_000), st.integers(2, 100))
def test_messages_that_waited_on_their_way_are_no_wrong_clock(pause_ms: int, count: int) -> None:
    drained = [(n * pause_ms, n * (pause_ms + MINUTE) - count * (pause_ms + MINUTE)) for n in range(count)]
    assert hear(drained).error is None


@given(st.integers(-20 * MINUTE, 20 * MINUTE), st.integers(0, 3_000), st.integers(0, 10_000))
def test_a_live_reading_is_measured_when_it_comes(ahead_ms: int, way_ms: int, after_ms: int) -> None:
    errors = [ClockError(START_MS, None, ahead_ms)]
    received_ms = START_MS + after_ms
    measured = measured_ms(received_ms - way_ms + ahead_ms, received_ms, errors)
    assert measured == received_ms - way_ms
    assert measured_ms(received_ms - 10 * 3_600_000, received_ms, errors) == received_ms - 10 * 3_600_000, "late"


def test_a_reading_received_before_or_after_the_error_keeps_its_time() -> None:
    errors = [ClockError(START_MS, START_MS + MINUTE, 20 * MINUTE)]
    for received_ms in (START_MS - 1, START_MS + MINUTE):
        assert measured_ms(received_ms + 20 * MINUTE, received_ms, errors) == received_ms + 20 * MINUTE
