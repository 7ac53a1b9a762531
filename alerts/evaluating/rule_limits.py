"""Limits of many rules as columns; finds those that the newest readings may cross. Pure.

It errs on one side only: what it says is not crossed is not, whatever the quality of the readings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.evaluating.recent_ranges import RecentRanges
from alerts.rules.block import LATE_AFTER_MS, JudgedReadings, ReadingBlock
from alerts.rules.rule import ChannelRule, MeasureKind, memory_ms
from quantrac.config.rules import Side

LOOKS_BACK: Final = frozenset({MeasureKind.CHANGE, MeasureKind.SWING})

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Extremes:
    """Extremes of the new readings of channels, one entry a channel, to compare with limits."""

    least: Floats
    greatest: Floats
    first_ms: Numbers
    newest_ms: Numbers
    seen: Numbers
    """Device states, a bit each."""
    longest_ms: Numbers
    """The longest that one of them took to come."""
    overtaken: Mask
    """One of them came before an older one."""

    @classmethod
    def of(cls, new: JudgedReadings) -> Extremes:
        """Return those of each channel that has readings."""
        starts, ends = new.edges[:-1], new.edges[1:]
        if not len(starts):
            value, number = np.zeros(0), np.zeros(0, dtype=np.int64)
            return cls(value, value, number, number, number, number, np.zeros(0, dtype=np.bool_))
        overtaken = np.diff(new.received_ms, prepend=new.received_ms[0]) < 0
        overtaken[starts] = False
        return cls(
            least=np.fmin.reduceat(new.value, starts),
            greatest=np.fmax.reduceat(new.value, starts),
            first_ms=new.t_ms[starts],
            newest_ms=new.t_ms[ends - 1],
            seen=np.bitwise_or.reduceat(np.left_shift(1, new.state.astype(np.int64)), starts),
            longest_ms=np.maximum.reduceat(new.received_ms - new.t_ms, starts),
            overtaken=np.logical_or.reduceat(overtaken, starts),
        )

    def at(self, places: Numbers) -> Extremes:
        """Return those at some places."""
        return Extremes(*(getattr(self, field.name)[places] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Crossed:
    """Which limits readings may cross, by the numbers asked for."""

    late: Mask
    """A reading may be late."""
    at_once: Mask
    """A value or a state may cross a limit by itself."""
    looking_back: Mask
    """A limit of what looks back may be crossed, or nobody knows how far the values moved."""


class RuleLimits:
    """Limits by number from 0, each of some rules on one channel: of all of them those that are crossed first."""

    def __init__(self, each: Sequence[Sequence[ChannelRule]], intervals_ms: Iterable[int]) -> None:
        """`each`: the rules of each number; `intervals_ms`: of its channel."""
        limits = [_Limits.of(rules) for rules in each]
        self._lateness_ms = np.array([max(LATE_AFTER_MS, 3 * one) for one in intervals_ms], dtype=np.int64)
        self._reach_ms = np.array([one.reach_ms for one in limits], dtype=np.int64)
        self._states = np.array([one.states for one in limits], dtype=np.int64)
        self._always = np.array([one.always for one in limits], dtype=np.bool_)
        self._always_looking_back = np.array([one.always_looking_back for one in limits], dtype=np.bool_)
        self._low, self._high, self._fall, self._rise, self._swing = (
            np.array([getattr(one, name) for one in limits], dtype=np.float64)
            for name in ("low", "high", "fall", "rise", "swing")
        )
        self._ranges = RecentRanges(self._reach_ms)

    def crossed(self, numbers: Numbers, new: Extremes) -> Crossed:
        """Compare the newest readings with limits. `new`: of the channel of each number."""
        late = (new.longest_ms > self._lateness_ms[numbers]) | new.overtaken
        at_once = self._always[numbers] | (new.seen & self._states[numbers] > 0)
        at_once |= (new.least < self._low[numbers]) | (new.greatest > self._high[numbers])
        looks = self._reach_ms[numbers] > 0
        known = self._ranges.known_from_ms(numbers) <= new.first_ms - self._reach_ms[numbers]
        before_least, before_greatest = self._ranges.of(numbers)
        lowest, highest = np.fmin(new.least, before_least), np.fmax(new.greatest, before_greatest)
        with np.errstate(invalid="ignore"):  # of a channel without a value
            moved = (new.least - highest < self._fall[numbers]) | (new.greatest - lowest > self._rise[numbers])
            moved |= highest - lowest > self._swing[numbers]
        back = looks & (~known | moved | self._always_looking_back[numbers])
        return Crossed(late, at_once, back)

    def add(self, numbers: Numbers, new: Extremes) -> None:
        """Add the values of the newest readings to how far those of some numbers moved."""
        self._ranges.add(numbers, new.newest_ms, new.least, new.greatest)

    def begin(self, numbers: Numbers, new: Extremes) -> None:
        """Add the newest readings; where nothing was known, ranges are known from the first of them on."""
        self._ranges.begin(numbers, new.first_ms)
        self.add(numbers, new)

    def looks_back(self, numbers: Numbers) -> Mask:
        """Return which have a rule that looks back."""
        found: Mask = self._reach_ms[numbers] > 0
        return found

    def learn(self, number: int, rules: Sequence[ChannelRule], block: ReadingBlock, start_ms: int) -> None:
        """Learn how far values moved from a block that holds all that its rules look back on from a time."""
        use = frozenset(quality for rule in rules if rule.measure.kind in LOOKS_BACK for quality in rule.use)
        counting = block.counts(use) & ~block.is_late(rules[0].interval_ms)
        if counting.any():
            self._ranges.replace(number, start_ms - memory_ms(rules), block.t_ms[counting], block.value[counting])
        else:
            self.forget(np.array([number]))

    def forget(self, numbers: Numbers) -> None:
        """Forget how far values moved."""
        self._ranges.forget(numbers)


@dataclass(slots=True)
class _Limits:
    """What wakes the rules of a channel: of all its limits those that are crossed first."""

    reach_ms: int = 0
    states: int = 0
    """Device states, a bit each."""
    always: bool = False
    always_looking_back: bool = False
    low: float = -np.inf
    high: float = np.inf
    fall: float = -np.inf
    rise: float = np.inf
    swing: float = np.inf

    @classmethod
    def of(cls, rules: Sequence[ChannelRule]) -> _Limits:
        made = cls()
        for rule in rules:
            made._add(rule)
        return made

    def _add(self, rule: ChannelRule) -> None:
        below = [level.limit for level in rule.levels if level.side is Side.BELOW]
        above = [level.limit for level in rule.levels if level.side is Side.ABOVE]
        kind = rule.measure.kind
        if kind is MeasureKind.VALUE:
            self.low, self.high = max(self.low, *below, -np.inf), min(self.high, *above, np.inf)
        elif kind is MeasureKind.STATE:
            self.states |= sum(1 << int(state) for state in rule.measure.states)
            self.always |= any(level.holds(0.0) for level in rule.levels)
        elif kind in LOOKS_BACK:
            self.reach_ms = max(self.reach_ms, rule.measure.window_ms)
            if kind is MeasureKind.CHANGE:
                self.fall, self.rise = max(self.fall, *below, -np.inf), min(self.rise, *above, np.inf)
            else:
                self.swing = min(self.swing, *above, np.inf)
                self.always_looking_back |= bool(below)
        else:
            self.always |= rule.normals is not None
