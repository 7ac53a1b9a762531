"""Lines that differ, and taking a change out of a text that has changed since."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.config import line_changes
from quantrac.config.line_changes import Edit, compared, edits, taken_back

TEXT = "".join(f"key-{n}: {n}\n" for n in range(30))
texts = st.lists(st.sampled_from(["a", "b", "c", "  d: 1", ""]), max_size=12).map(
    lambda lines: "".join(f"{x}\n" for x in lines)
)


@given(texts, texts)
def test_edits_make_one_text_of_the_other(before: str, after: str) -> None:
    old, new = before.splitlines(), after.splitlines()
    made, place = [], 0
    for since, until, lines in edits(old, new):
        made += [*old[place:since], *lines]
        place = until
    assert [*made, *old[place:]] == new
    shown = list(compared(before, after))
    assert [line.text for line in shown if line.mark == "+"] == [x for edit in edits(old, new) for x in edit.lines]
    assert all(new[line.number - 1] == line.text for line in shown if line.mark in "+ ")
    assert all(old[line.number - 1] == line.text for line in shown if line.mark == "-")
    assert (shown == []) == (before == after)


@given(texts, texts)
def test_a_change_that_nobody_has_built_on_is_taken_back_whole(before: str, after: str) -> None:
    assert taken_back(before, after, after) == before


def test_later_changes_of_other_lines_stay_and_of_the_same_lines_forbid_it() -> None:
    changed = TEXT.replace("key-3: 3", "key-3: 33")
    later = changed.replace("key-20: 20\n", "key-20: 0\nnew: 1\n").replace("key-0: 0\n", "")
    expected = later.replace("key-3: 33", "key-3: 3")
    assert taken_back(TEXT, changed, later) == expected
    assert taken_back(TEXT, changed, changed.replace("key-3: 33", "key-3: 4")) is None
    assert taken_back(TEXT, changed, changed.replace("key-4: 4", "key-4: 5")) is None, "next to it is too near to tell"
    assert taken_back(TEXT, changed, TEXT) is None


def test_what_lies_between_is_left_out() -> None:
    found = list(compared(TEXT, TEXT.replace("key-3: 3\n", "").replace("key-20: 20", "key-20: 0")))
    assert [line.mark for line in found].count("…") == 2
    assert len(found) < 20
    assert found[3].mark == "-"
    assert (found[3].number, found[3].text) == (4, "key-3: 3")


@given(texts, texts, st.integers(0, 60))
def test_edits_that_may_take_few_steps_make_one_text_of_the_other_too(before: str, after: str, steps: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_changes, "MOST_STEPS", steps)
        test_edits_make_one_text_of_the_other.hypothesis.inner_test(before, after)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kinds", [1, 2, 3, 40, 2000])
def test_comparing_mad_texts_takes_little_work(kinds: int) -> None:
    chance = Random(kinds)
    before, after = ([f"#{chance.randrange(kinds)}" for _ in range(16_000)] for _ in range(2))
    began = time.process_time()
    assert len(edits(before, [*after, "behind"])) < 16_000
    assert time.process_time() - began < 2, "they took minutes"


def test_what_differs_here_and_there_in_a_long_file_is_compared_line_by_line() -> None:
    before = [line for n in range(300) for line in (f"key-{n}:", "  unit: mg/L", f"  low: {n}", "  retries: 3")]
    after = [line.replace("low: ", "high: ") if n % 80 == 2 else line for n, line in enumerate(before)]
    assert edits(before, after) == [Edit(n, n + 1, [after[n]]) for n in range(2, 1200, 80)]
