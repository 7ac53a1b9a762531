"""Finds rules that a round need not run: at rest, and no new reading of their channel can wake them. Pure.

One comparison over all channels of a round, in columns. It errs on one side only: a rule that it lets rest would have
come out of the round at rest; one that it wakes may rest again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.evaluating.rule_limits import Extremes, Mask, RuleLimits
from alerts.rules.block import JudgedReadings, ReadingBlock
from alerts.rules.rule import ChannelRule


@dataclass(frozen=True, slots=True)
class Woken:
    """The channels of a round with rules to run, by their places in its readings."""

    at_once: Mask
    """Some rule may be woken by the readings themselves."""
    looking_back: Mask
    """Some rule may be woken that looks back."""
    newest_ms: NDArray[np.int64]
    """Time of the newest reading."""


class RestingRules:
    """The rules of all channels, as limits that wake them."""

    def __init__(self, rules: Mapping[int, Sequence[ChannelRule]]) -> None:
        """`rules`: by channel_id."""
        self._ids = np.array(sorted(rules), dtype=np.int64)
        each = [rules[id_] for id_ in self._ids.tolist()]
        self._limits = RuleLimits(each, [own[0].interval_ms for own in each])

    def woken(self, new: JudgedReadings, stirring: Collection[int], stirring_back: Collection[int]) -> Woken:
        """Return which channels of a round have rules that must be run; of the others only the cursor moves.

        Args:
            new: readings beyond the cursors.
            stirring: channels with a rule that is not at rest.
            stirring_back: the same of rules that look back.
        """
        ids, extremes = new.channels, Extremes.of(new)
        number = np.searchsorted(self._ids, ids)
        crossed = self._limits.crossed(number, extremes)
        at_once = crossed.late | crossed.at_once | np.isin(ids, list(stirring))
        looks = self._limits.looks_back(number)
        back = looks & (crossed.late | crossed.looking_back | np.isin(ids, list(stirring_back)))
        calm = np.flatnonzero(looks & ~back)
        self._limits.add(number[calm], extremes.at(calm))
        return Woken(at_once, back, extremes.newest_ms)

    def learn(self, rules: Sequence[ChannelRule], channel_id: int, block: ReadingBlock) -> None:
        """Learn how far a channel moved from a block with all that its rules look back on."""
        assert block.start_ms is not None
        self._limits.learn(int(np.searchsorted(self._ids, channel_id)), rules, block, block.start_ms)

    def forget(self, channels: Iterable[int]) -> None:
        """Forget how far the values of channels moved: their stored readings are judged anew."""
        self._limits.forget(np.flatnonzero(np.isin(self._ids, list(channels))))
