"""Range sets: whole numbers kept as ranges, so that a million acknowledged messages are one pair."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Range(NamedTuple):
    """``lo`` to ``hi``, both included."""

    lo: int
    hi: int


class RangeSet:
    """Sorted ranges that neither overlap nor touch."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._lo: list[int] = []
        self._hi: list[int] = []
        for lo, hi in ranges:
            self.add(lo, hi)

    def add(self, lo: int, hi: int) -> None:
        """Put ``lo`` to ``hi`` in; nothing if ``hi < lo``."""
        if hi < lo:
            return
        first = self._index(lo - 1)
        if first < 0 or self._hi[first] < lo - 1:
            first += 1
        end = self._index(hi + 1) + 1
        if first < end:
            lo, hi = min(lo, self._lo[first]), max(hi, self._hi[end - 1])
        self._lo[first:end], self._hi[first:end] = [lo], [hi]

    def remove(self, lo: int, hi: int) -> None:
        """Take ``lo`` to ``hi`` out; nothing if ``hi < lo``."""
        if hi < lo:
            return
        first = self._index(lo)
        if first < 0 or self._hi[first] < lo:
            first += 1
        end = self._index(hi) + 1
        if first >= end:
            return
        kept = [r for r in (Range(self._lo[first], lo - 1), Range(hi + 1, self._hi[end - 1])) if r.lo <= r.hi]
        self._lo[first:end], self._hi[first:end] = [r.lo for r in kept], [r.hi for r in kept]

    def assign(self, other: RangeSet) -> None:
        """Become equal to another set."""
        self._lo, self._hi = [*other._lo], [*other._hi]

    def at(self, n: int) -> Range | None:
        """Return the range that holds ``n``, or None."""
        i = self._index(n)
        return Range(self._lo[i], self._hi[i]) if i >= 0 and n <= self._hi[i] else None

    def next_from(self, n: int) -> int | None:
        """Return the smallest member that is ``n`` or larger, or None."""
        if n in self:
            return n
        i = self._index(n) + 1
        return self._lo[i] if i < len(self._lo) else None

    def within(self, lo: int, hi: int) -> list[Range]:
        """Return what of ``lo`` to ``hi`` is in the set."""
        found = []
        for i in range(max(0, self._index(lo)), len(self._lo)):
            if self._lo[i] > hi:
                break
            part = Range(max(lo, self._lo[i]), min(hi, self._hi[i]))
            if part.lo <= part.hi:
                found.append(part)
        return found

    def gaps(self, lo: int, hi: int) -> list[Range]:
        """Return what of ``lo`` to ``hi`` is not in the set."""
        found = []
        for part in self.within(lo, hi):
            if lo < part.lo:
                found.append(Range(lo, part.lo - 1))
            lo = part.hi + 1
        return [*found, Range(lo, hi)] if lo <= hi else found

    def minus(self, other: RangeSet) -> RangeSet:
        """Return a new set: what is in this one and not in the other."""
        return RangeSet(gap for part in self for gap in other.gaps(part.lo, part.hi))

    def count(self) -> int:
        """Return how many numbers are in the set."""
        return sum(self._hi) - sum(self._lo) + len(self._lo)

    def __contains__(self, n: int) -> bool:
        i = self._index(n)
        return i >= 0 and n <= self._hi[i]

    def __iter__(self) -> Iterator[Range]:
        return map(Range, self._lo, self._hi)

    def __len__(self) -> int:
        """How many ranges, not how many numbers."""
        return len(self._lo)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and self._lo == other._lo and self._hi == other._hi

    def __hash__(self) -> int:
        raise TypeError("a RangeSet changes and has no hash")

    def __repr__(self) -> str:
        return f"RangeSet({[tuple(r) for r in self]})"

    def _index(self, n: int) -> int:
        return bisect_right(self._lo, n) - 1
