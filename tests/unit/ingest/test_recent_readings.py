"""What is kept of the newest readings and what is read beside it are all readings of a window, whenever they came."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

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


@given(st.lists(ROUND, min_size=1, max_size=8), st.integers(0, 3))
@example([[(1, 0)], [(1, 0)], [(1, 7)], [(1, 1)]], 1)
def test_nothing_is_missing_and_nothing_twice(rounds: list[list[tuple[int, int]]], delay: int) -> None:
    """`delay`: so many rounds a change is taken after its readings can be seen."""
    stored: set[tuple[int, int]] = set()
    taken: set[tuple[int, int]] = set()
    recent = RecentReadings.none()
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
        here, low, served = recent.of(some)
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
