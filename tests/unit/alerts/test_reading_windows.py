"""Which readings of a round are read: ahead of the cursor, behind it, and nothing that nobody changed."""

from __future__ import annotations

from dataclasses import replace

from alerts.evaluating.evaluation import RuleState
from alerts.evaluating.reading_window import ReadingWindow, instant, milliseconds
from alerts.evaluating.readings import divided
from alerts.rules.rule import ChannelRule, Measure, MeasureKind
from tests.unit.alerts.rules import MINUTE, oxygen_rule


def split(
    *windows: tuple[int, int], cursor: int | None, window_ms: int = 0
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return what lies ahead and what behind, in minutes; the cursor in minutes, too."""
    rule: ChannelRule = replace(oxygen_rule(), measure=Measure(MeasureKind.CHANGE, window_ms))
    found = [ReadingWindow(1, rule.channel, instant(low * MINUTE), instant(high * MINUTE)) for low, high in windows]
    state = RuleState(None if cursor is None else cursor * MINUTE)
    ahead, behind = divided({1: found}, {1: [rule]}, {(rule.rule, 1): state})
    return minutes_of(ahead), minutes_of(behind)


def minutes_of(windows: list[ReadingWindow]) -> list[tuple[float, float]]:
    return [(milliseconds(each.from_t) / MINUTE, milliseconds(each.to_t) / MINUTE) for each in windows]


AFTER_50 = 50 + 1 / MINUTE


def test_a_window_that_covers_the_cursor_is_split_there() -> None:
    assert split((10, 60), cursor=50) == ([(AFTER_50, 60)], [(10, 50)])
    assert split((50, 50), (51, 51), cursor=50) == ([(51, 51)], [(50, 50)])


def test_what_lies_between_changed_stretches_is_not_read() -> None:
    assert split((1, 2), (1000, 1001), (2000, 2001), (5, 6), cursor=1500) == (
        [(2000, 2001)], [(1, 2), (5, 6), (1000, 1001)],
    )  # fmt: skip
    assert split((1, 2), (1000, 1001), cursor=None) == ([(1, 2), (1000, 1001)], [])


def test_each_moment_is_read_once_also_with_what_rules_look_back() -> None:
    assert split((10, 60), (20, 70), (70, 80), cursor=50) == ([(AFTER_50, 80)], [(10, 50)])
    assert split((100, 101), (105, 106), (300, 301), cursor=50, window_ms=10 * MINUTE) == (
        [(90, 106), (290, 301)], [],
    )  # fmt: skip
