"""What is kept of the newest readings and what is read beside it are all readings of a window, whenever they came."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.quality.kept_readings import IDLE_US, KeptReadings
from ingest.quality.readings import TestedReadings
from ingest.quality.recent import RecentReadings
from ingest.quality.windows import JudgedWindows

BACK, AHEAD = 3, 2
ROUND = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 40)), min_size=1, max_size=6)
"""New readings: channel and time."""


def windows(changed: dict[int, list[int]]) -> JudgedWindows:
    channel_id = np.array(sorted(changed), np.int32)
    low = np.array([min(changed[each]) for each in channel_id.tolist()]) - AHEAD
    high = np.array([max(changed[each]) for each in channel_id.tolist()]) + BACK
    return JudgedWindows(channel_id, low, high, low - BACK, high + AHEAD, np.full(len(low), 1))


def read(stored: set[tuple[int, int]], some: JudgedWindows, low: np.ndarray) -> TestedReadings:
    found = [
        (series, time)
        for series, (channel, first, last) in enumerate(zip(some.channel_id, low, some.load_to, strict=True))
        for time in sorted(time for own, time in stored if own == channel and first <= time <= last)
    ]
    series, times = np.array(found, np.int64).reshape(-1, 2).T
    return TestedReadings(series.astype(np.int32), times, times.astype(float), np.zeros(len(times), np.int16))


@given(st.lists(ROUND, min_size=1, max_size=8), st.integers(0, 3), st.booleans())
@example([[(1, 0)], [(1, 0)], [(1, 7)], [(1, 1)]], 1, False)
@example([[(1, 0)], [(1, 0)], [(1, 7)], [(1, 1)]], 1, True)
def test_nothing_is_missing_and_nothing_twice(
    rounds: list[list[tuple[int, int]]], delay: int, is_by_channel: bool
) -> None:
    """`delay`: so many rounds a change is taken after its readings can be seen; `is_by_channel`: as devices
    keep them."""
    stored: set[tuple[int, int]] = set()
    taken: set[tuple[int, int]] = set()
    recent, kept = RecentReadings.none(), KeptReadings()
    for number in range(len(rounds) + delay):
        new = [each for each in (rounds[number] if number < len(rounds) else []) if each not in stored]
        stored |= set(new)
        rounds[number : number + 1] = [new] if number < len(rounds) else []
        if number < delay:
            continue
        changed: dict[int, list[int]] = {}
        for channel, time in rounds[number - delay]:
            changed.setdefault(channel, []).append(time)
        if not changed:
            continue
        taken |= set(rounds[number - delay])
        some = windows(changed)
        here, low, served = (kept.of(some) if is_by_channel else recent).of(some)
        found = here.beside(read(stored, some, low))
        whole = read(stored, some, some.load_from)
        keys = list(zip(found.series.tolist(), found.time_us.tolist(), strict=True))
        every = set(zip(whole.series.tolist(), whole.time_us.tolist(), strict=True))
        assert keys == sorted(set(keys))
        assert set(keys) <= every
        to_come = {(channel, time) for channel, time in stored - taken}
        assert {(int(some.channel_id[series]), time) for series, time in every - set(keys)} <= to_come
        newest = some.judge_from.copy()
        for at in np.flatnonzero(~served).tolist():
            newest[at] = max(time for channel, time in stored if channel == some.channel_id[at])
        recent = recent.then(some, found, newest)
        kept.after(some, found, newest)


def hold(kept: KeptReadings, channel: int, at: int, count: int = 10) -> int:
    """Have so many readings of a channel judged, the newest at a time; return how many of them had been kept."""
    times = np.arange(at - count + 1, at + 1)
    some = JudgedWindows(*(np.array([each]) for each in (channel, at, at, at - count + 1, at, 1)))
    had = len(kept.of(some).readings)
    readings = TestedReadings(np.zeros(count, np.int32), times, times.astype(float), np.zeros(count, np.int16))
    kept.after(some, readings, np.array([at]))
    return had


def test_where_there_is_no_room_for_all_those_that_are_kept_stay_until_nothing_more_is_heard_of_them() -> None:
    """All are judged in turn: to make room for the next one would leave none in the end."""
    kept = KeptReadings(most=25)
    for turn in range(3):
        assert [hold(kept, channel, turn) for channel in (1, 2, 3)] == [10 * (turn > 0), 10 * (turn > 0), 0]
        assert len(kept) == 20
    later = 2 * IDLE_US
    assert [hold(kept, channel, later) for channel in (2, 3)] == [10, 0], "channel 1 has been silent for two days"
    assert [hold(kept, channel, later + 1) for channel in (1, 2, 3)] == [0, 10, 10]
