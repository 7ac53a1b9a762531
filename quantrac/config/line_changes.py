"""Lines that differ between two texts, and taking a change out of a text that has changed since. Pure and bounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import accumulate
from typing import Final, Literal, NamedTuple

MOST_STEPS: Final = 200_000
"""Pairs of equal lines that one comparison looks at, some hundredths of a second; lines that are not compared by then
count as replaced. Few different lines would take the cube of their number."""
MOST_ALIKE: Final = 30
"""A line that a text has more often begins no block of equal lines, it only goes on with one."""
AROUND: Final = 3
"""Lines shown before and behind what differs."""


class ShownLine(NamedTuple):
    """A line of a comparison."""

    mark: Literal["+", "-", " ", "…"]
    """Only in the newer text, only in the older one, in both; `…`: lines that both have are left out."""
    number: int
    """In the newer text, from 1; in the older one for `-`."""
    text: str


class Edit(NamedTuple):
    """Lines `since` up to `until` of one text, from 0 and without the last, stand as others in another text."""

    since: int
    until: int
    lines: list[str]


def edits(before: list[str], after: list[str]) -> list[Edit]:
    """Return what makes `before` to `after`, in order."""
    head = 0
    while head < min(len(before), len(after)) and before[head] == after[head]:
        head += 1
    tail = 0
    while tail < min(len(before), len(after)) - head and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    found: list[Edit] = []
    place = other = 0
    for since, since_new, size in [*_equal_blocks(old, new), (len(old), len(new), 0)]:
        if (since, since_new) != (place, other):
            found.append(Edit(head + place, head + since, new[other:since_new]))
        place, other = since + size, since_new + size
    return found


def _equal_blocks(old: list[str], new: list[str]) -> list[tuple[int, int, int]]:
    """Return where blocks of equal lines begin in both texts, and their lengths, in order; at most MOST_STEPS steps.

    The longest block, then what stands before and behind it; lines of MOST_ALIKE begin none.
    """
    count = Counter(new)
    steps = list(accumulate((1 + (count[line] if count[line] <= MOST_ALIKE else 0) for line in old), initial=0))
    matcher, left = SequenceMatcher(lambda line: count[line] > MOST_ALIKE, old, new, autojunk=False), MOST_STEPS
    ranges, blocks = [(0, len(old), 0, len(new))], []
    for a, a_end, b, b_end in ranges:  # grows meanwhile
        needed = steps[a_end] - steps[a]
        if a == a_end or b == b_end or needed > left:
            continue
        left -= needed
        since, since_new, size = matcher.find_longest_match(a, a_end, b, b_end)
        if not size:
            continue
        while since > a and since_new > b and old[since - 1] == new[since_new - 1]:
            since, since_new, size = since - 1, since_new - 1, size + 1
        while since + size < a_end and since_new + size < b_end and old[since + size] == new[since_new + size]:
            size += 1
        blocks.append((since, since_new, size))
        ranges += [(a, since, b, since_new), (since + size, a_end, since_new + size, b_end)]
    return sorted(blocks)


def compared(before: str, after: str) -> Iterator[ShownLine]:
    """Yield the lines that differ, with some around them; nothing where none do."""
    old = _lines(before)
    found = edits(old, _lines(after))
    near = {number for edit in found for number in range(edit.since - AROUND, edit.until + AROUND)}
    at = {edit.since: edit for edit in found}
    place, shift, is_skipping = 0, 0, False
    while found and place <= len(old):
        if (edit := at.pop(place, None)) is not None:
            yield from (ShownLine("-", number + 1, old[number]) for number in range(place, edit.until))
            yield from (ShownLine("+", place + shift + n, line) for n, line in enumerate(edit.lines, 1))
            shift, place = shift + len(edit.lines) - (edit.until - place), edit.until
            continue
        if place < len(old) and place in near:
            yield ShownLine(" ", place + shift + 1, old[place])
        elif place < len(old) and not is_skipping:
            yield ShownLine("…", 0, "")
        is_skipping = place not in near
        place += 1


def _lines(text: str) -> list[str]:
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def taken_back(before: str, after: str, now: str) -> str | None:
    """Return `now` without the change that made `before` to `after`; None where later changes touch the same lines."""
    then = after.splitlines(keepends=True)
    back, since = edits(then, before.splitlines(keepends=True)), edits(then, now.splitlines(keepends=True))
    if any(one.since <= other.until and other.since <= one.until for one in back for other in since):
        return None
    made: list[str] = []
    place = 0
    for first, behind, lines in sorted([*back, *since]):
        made += [*then[place:first], *lines]
        place = behind
    return "".join([*made, *then[place:]])
