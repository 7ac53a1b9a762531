"""Which rules a round need not run: those at rest that no new reading of their channel can wake.

One comparison over all channels of a round, in columns. It errs on one side only: a rule that it lets rest would have
come out of the round at rest; one that it wakes may rest again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alerts.evaluating.judged_readings import JudgedReadings
from alerts.evaluating.readings import memory_ms
from alerts.evaluating.recent_ranges import RecentRanges
from alerts.rules.block import LATE_AFTER_MS, ReadingBlock
from alerts.rules.rule import ChannelRule, MeasureKind
from quantrac.config.rules import Side

LOOKS_BACK: Final = frozenset({MeasureKind.CHANGE, MeasureKind.SWING})

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Woken:
    """What of a round must be looked at, by the places of the channels in its readings."""

    at_once: Mask
    """Some rule may be woken by the readings themselves."""
    looking_back: Mask
    """Some rule may be woken that looks back."""
    newest_ms: NDArray[np.int64]
    """Time of the newest reading."""


class RestingRules:
    """Limits of the rules of all channels as columns, and how far recent values have moved."""

    def __init__(self, rules: Mapping[int, Sequence[ChannelRule]]) -> None:
        """`rules`: by channel_id."""
        self._ids = np.array(sorted(rules), dtype=np.int64)
        each = [_ChannelLimits.of(rules[id_]) for id_ in self._ids.tolist()]
        self._lateness_ms = np.array([max(LATE_AFTER_MS, 3 * one.interval_ms) for one in each], dtype=np.int64)
        self._reach_ms = np.array([one.reach_ms for one in each], dtype=np.int64)
        self._states = np.array([one.states for one in each], dtype=np.int64)
        self._always = np.array([one.always for one in each], dtype=np.bool_)
        self._always_looking_back = np.array([one.always_looking_back for one in each], dtype=np.bool_)
        self._low, self._high, self._fall, self._rise, self._swing = (
            np.array([getattr(one, name) for one in each], dtype=np.float64)
            for name in ("low", "high", "fall", "rise", "swing")
        )
        self._ranges = RecentRanges(self._reach_ms)

    def woken(self, new: JudgedReadings, stirring: Collection[int], stirring_back: Collection[int]) -> Woken:
        """Return which channels of a round have rules that must be run; of the others only the cursor moves.

        Args:
            new: readings beyond the cursors.
            stirring: channels with a rule that is not at rest.
            stirring_back: the same of rules that look back.
        """
        starts, ends = new.edges[:-1], new.edges[1:]
        if not len(starts):
            nothing = np.zeros(0, dtype=np.bool_)
            return Woken(nothing, nothing, np.zeros(0, dtype=np.int64))
        ids = new.channels
        number = np.searchsorted(self._ids, ids)
        least, greatest = np.fmin.reduceat(new.value, starts), np.fmax.reduceat(new.value, starts)
        newest_ms, first_ms = new.t_ms[ends - 1], new.t_ms[starts]
        late = _may_be_late(new, np.repeat(self._lateness_ms[number], ends - starts))
        seen = np.bitwise_or.reduceat(np.left_shift(1, new.state.astype(np.int64)), starts)
        at_once = late | self._always[number] | (seen & self._states[number] > 0) | np.isin(ids, list(stirring))
        at_once |= (least < self._low[number]) | (greatest > self._high[number])
        looks = self._reach_ms[number] > 0
        known = self._ranges.known_from_ms(number) <= first_ms - self._reach_ms[number]
        before_least, before_greatest = self._ranges.of(number)
        lowest, highest = np.fmin(least, before_least), np.fmax(greatest, before_greatest)
        with np.errstate(invalid="ignore"):  # of a channel without a value
            moved = (least - highest < self._fall[number]) | (greatest - lowest > self._rise[number])
            moved |= highest - lowest > self._swing[number]
        back = looks & (late | ~known | moved | self._always_looking_back[number] | np.isin(ids, list(stirring_back)))
        calm = looks & ~back
        self._ranges.add(number[calm], newest_ms[calm], least[calm], greatest[calm])
        return Woken(at_once, back, newest_ms)

    def learn(self, rules: Sequence[ChannelRule], channel_id: int, block: ReadingBlock) -> None:
        """Learn how far a channel moved from a block with all that its rules look back on."""
        assert block.start_ms is not None
        from_ms = block.start_ms - memory_ms(rules)
        number = int(np.searchsorted(self._ids, channel_id))
        use = frozenset(quality for rule in rules if rule.measure.kind in LOOKS_BACK for quality in rule.use)
        counting = block.counts(use) & ~block.is_late(rules[0].interval_ms)
        if counting.any():
            self._ranges.replace(number, from_ms, block.t_ms[counting], block.value[counting])
        else:
            self.forget([channel_id])

    def forget(self, channels: Iterable[int]) -> None:
        """Know no more how far channels moved: what was stored of them is judged anew."""
        found = np.isin(self._ids, list(channels))
        self._ranges.forget(np.flatnonzero(found))


@dataclass(slots=True)
class _ChannelLimits:
    """What wakes the rules of a channel: of all its limits those that are crossed first."""

    interval_ms: int
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
    def of(cls, rules: Sequence[ChannelRule]) -> _ChannelLimits:
        made = cls(rules[0].interval_ms)
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


def _may_be_late(new: JudgedReadings, lateness_ms: NDArray[np.int64]) -> Mask:
    """Mark channels with a reading that came too long after its time, or before an older one of its channel."""
    starts = new.edges[:-1]
    not_calm = new.received_ms - new.t_ms > lateness_ms
    overtaken = np.diff(new.received_ms, prepend=new.received_ms[0]) < 0
    overtaken[starts] = False
    return np.logical_or.reduceat(not_calm | overtaken, starts)
