"""RangeSet is a set of whole numbers: it must agree with Python's own."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.spooling.ranges import Range, RangeSet

Pair = tuple[int, int]
pairs = st.tuples(st.integers(0, 60), st.integers(0, 60))
steps = st.lists(st.tuples(st.booleans(), pairs), max_size=30)


def _members(ranges: RangeSet) -> set[int]:
    return {n for lo, hi in ranges for n in range(lo, hi + 1)}


def _made(todo: list[tuple[bool, Pair]]) -> tuple[RangeSet, set[int]]:
    ranges, plain = RangeSet(), set[int]()
    for adding, (lo, hi) in todo:
        if adding:
            ranges.add(lo, hi)
            plain |= set(range(lo, hi + 1))
        else:
            ranges.remove(lo, hi)
            plain -= set(range(lo, hi + 1))
    return ranges, plain


@settings(deadline=None)
@given(steps)
def test_adding_and_removing_agree_with_a_set(todo: list[tuple[bool, Pair]]) -> None:
    ranges, plain = _made(todo)
    assert _members(ranges) == plain
    assert ranges.count() == len(plain)
    assert all(before.hi + 1 < after.lo for before, after in zip([*ranges], [*ranges][1:], strict=False))


@settings(deadline=None)
@given(steps, pairs)
def test_questions_agree_with_a_set(todo: list[tuple[bool, Pair]], window: Pair) -> None:
    ranges, plain = _made(todo)
    lo, hi = window
    inside = {n for n in plain if lo <= n <= hi}
    assert {n for part in ranges.within(lo, hi) for n in range(part.lo, part.hi + 1)} == inside
    assert {n for part in ranges.gaps(lo, hi) for n in range(part.lo, part.hi + 1)} == set(range(lo, hi + 1)) - plain
    assert ranges.next_from(lo) == min((n for n in plain if n >= lo), default=None)
    assert (lo in ranges) == (lo in plain)
    assert (ranges.at(lo) is not None) == (lo in plain)


@settings(deadline=None)
@given(steps, steps)
def test_minus_agrees_with_a_set(one: list[tuple[bool, Pair]], two: list[tuple[bool, Pair]]) -> None:
    (a, plain_a), (b, plain_b) = _made(one), _made(two)
    assert _members(a.minus(b)) == plain_a - plain_b


def test_neighbours_become_one_range() -> None:
    assert [*RangeSet([(1, 3), (5, 9), (4, 4)])] == [Range(1, 9)]
