"""The windows to judge again hold each moment that a change can alter, once, in pieces of a bounded length."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ingest.quality.windows import MOST_INTERVALS, Reach, ReachColumns, windows
from quantrac.database.feed import Cause, Change

START = datetime(2026, 3, 1, tzinfo=UTC)
GAP_US = 3
"""So small that a change of a second is cut."""
REACHES = {1: Reach(2, 0, GAP_US), 2: Reach(5, 4, 10_000_000), 7: Reach(0, 1, GAP_US)}


def microseconds(time: datetime) -> int:
    return round((time - START) / timedelta(microseconds=1))


@st.composite
def changes(draw: st.DrawFn) -> Change:
    low = draw(st.integers(0, 60))
    high = low + draw(st.sampled_from([0, 1, 3, 20, 2 * MOST_INTERVALS * GAP_US]))
    first, last = (START + timedelta(microseconds=us) for us in (low, high))
    channels = tuple(draw(st.sets(st.sampled_from([1, 2, 3, 7]), max_size=3)))
    return Change(1, "st-test", channels, first, last, 1, Cause.READING, START)


def moments(spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Return what spans cover of each channel, one span after the other, in the plainest way."""
    found: list[tuple[int, int, int]] = []
    for channel, low, high in sorted(spans):
        if found and found[-1][0] == channel and low <= found[-1][2] + 1:
            found[-1] = (channel, found[-1][1], max(found[-1][2], high))
        else:
            found.append((channel, low, high))
    return found


@given(st.lists(changes(), max_size=8))
def test_each_moment_that_a_change_can_alter_is_judged_once(some: list[Change]) -> None:
    found = windows(some, ReachColumns.of(REACHES))
    epoch = round(START.timestamp() * 1_000_000)
    columns = [times - epoch for times in (found.judge_from, found.judge_to, found.load_from, found.load_to)]
    judged = np.stack([found.channel_id, *columns[:2]], axis=1).tolist()
    wanted = [
        (channel, microseconds(change.from_t) - reach.ahead, microseconds(change.to_t) + reach.back)
        for change in some
        for channel in change.channels
        if (reach := REACHES.get(channel)) is not None
    ]
    assert judged == sorted(judged)
    assert all(one[0] != next_[0] or one[2] < next_[1] for one, next_ in pairwise(judged))
    assert moments([(channel, low, high) for channel, low, high in judged]) == moments(wanted)
    for number, (channel, low, high) in enumerate(judged):
        reach = REACHES[channel]
        assert high - low <= MOST_INTERVALS * reach.gap
        assert (columns[2][number], columns[3][number]) == (low - reach.back, high + reach.ahead)
        assert found.gap[number] == reach.gap
