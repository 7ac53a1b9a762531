"""Which readings of a round are read: ahead of the cursor, behind it, and nothing that nobody changed."""

from __future__ import annotations

from alerts.evaluating.reading_window import ReadingWindow
from alerts.evaluating.readings import divided, with_context
from tests.unit.alerts.rules import MINUTE


def split(*windows: tuple[int, int], cursor: int | None) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return what lies ahead and what behind, in minutes; the cursor in minutes, too."""
    ahead, behind = divided({1: windows_at(*windows)}, {1: None if cursor is None else cursor * MINUTE})
    return minutes_of(ahead), minutes_of(behind)


def windows_at(*windows: tuple[int, int]) -> list[ReadingWindow]:
    return [ReadingWindow(1, "st-x/do", low * MINUTE, high * MINUTE) for low, high in windows]


def minutes_of(windows: list[ReadingWindow]) -> list[tuple[float, float]]:
    return [(each.from_ms / MINUTE, each.to_ms / MINUTE) for each in windows]


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
    wide = with_context(windows_at((100, 101), (105, 106), (300, 301)), 10 * MINUTE)
    assert minutes_of(wide) == [(90, 106), (290, 301)]
    assert {window.start_ms for window in wide} == {100 * MINUTE}
