"""Finds composite rules that need no evaluation: at rest, and no reading can have made their expression true. Pure.

Of each condition is kept the newest reading at which it may hold. Where that lies behind what its rule has evaluated,
the condition is false or unknown from there on. It errs on one side only, as `resting_rules` does; `not` may always
hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

import numpy as np

from alerts.evaluating.rule_limits import Extremes, Mask, Numbers, RuleLimits
from alerts.rules.block import JudgedReadings, ReadingBlock
from alerts.rules.composite import CompositeRule
from quantrac.config.composites import Expression

NEVER: Final = np.iinfo(np.int64).min


class RestingComposites:
    """The composite rules of a network, by number from 0, and when their conditions may have held."""

    def __init__(self, rules: Sequence[CompositeRule], ids: Mapping[str, int]) -> None:
        """`ids`: of channels; one that is not there has no readings."""
        members = [member for rule in rules for member in rule.members]
        self._rules = rules
        self._first = [0, *accumulate(len(rule.members) for rule in rules)]
        """Number of the first member of each rule."""
        self._rule = np.repeat(np.arange(len(rules)), np.diff(self._first))
        self._channel = np.array([ids.get(member.rule.channel, -1) for member in members], dtype=np.int64)
        self._limits = RuleLimits([[one.rule] for one in members], [one.rule.interval_ms for one in members])
        self._may_hold_ms = np.full(len(members), NEVER)

    def may_hold(self, new: JudgedReadings, known_ms: Numbers) -> Mask:
        """Look at new readings; return which rules' expression may be true beyond what they know, or meets late ones.

        Args:
            new: of the members' channels all that nobody looked at yet.
            known_ms: up to when each rule is evaluated.
        """
        if not len(new.channels):
            return np.zeros(len(self._rules), dtype=np.bool_)
        place = np.minimum(np.searchsorted(new.channels, self._channel), len(new.channels) - 1)
        number = np.flatnonzero(new.channels[place] == self._channel)
        extremes = Extremes.of(new).at(place[number])
        crossed = self._limits.crossed(number, extremes)
        holding = crossed.at_once | crossed.looking_back
        self._may_hold_ms[number[holding]] = extremes.newest_ms[holding]
        self._limits.begin(number, extremes)
        found = self._can_be_true(self._may_hold_ms > known_ms[self._rule])
        found[self._rule[number[crossed.late]]] = True
        return found

    def _can_be_true(self, holds: Mask) -> Mask:
        """Return which expressions can be true where conditions can hold."""
        names: dict[tuple[Expression, tuple[str, ...]], list[int]] = {}
        for number, rule in enumerate(self._rules):
            names.setdefault((rule.when, tuple(member.name for member in rule.members)), []).append(number)
        found = np.zeros(len(self._rules), dtype=np.bool_)
        for (when, members), numbers in names.items():
            first = np.array([self._first[number] for number in numbers])
            found[numbers] = _can_be_true(when, {name: holds[first + k] for k, name in enumerate(members)})
        return found

    def needs(self, number: int, known_ms: int) -> bool:
        """Return whether a rule needs the readings beyond what it knows to raise as early as it can.

        Where all conditions must hold, only those at which one may hold can be part of it. Elsewhere the others decide
        too: what does not hold makes `not` true, and says how far `any` can be worked out.
        """
        may_hold_ms = self._may_hold_ms[self._first[number] : self._first[number + 1]]
        return not _is_of_all(self._rules[number].when) or bool((may_hold_ms > known_ms).any())

    def learn(self, number: int, blocks: Mapping[str, ReadingBlock], start_ms: int) -> None:
        """Learn how far values of a rule's members moved from blocks with all that they look back on from a time."""
        for member, own in enumerate(self._rules[number].members, self._first[number]):
            block = blocks.get(own.rule.channel)
            if block is not None and self._limits.looks_back(np.array([member]))[0]:
                self._limits.learn(member, [own.rule], block, start_ms)

    def forget(self, channels: Iterable[int]) -> None:
        """Forget how far the values of channels moved: their stored readings are judged anew."""
        self._limits.forget(np.flatnonzero(np.isin(self._channel, list(channels))))


def _is_of_all(expression: Expression) -> bool:
    return expression.operator in ("is", "all") and all(map(_is_of_all, expression.parts))


def _can_be_true(expression: Expression, of: Mapping[str, Mask]) -> Mask:
    if expression.operator == "is":
        return of[expression.name]
    if expression.operator == "not":
        return np.ones_like(next(iter(of.values())))
    join = np.logical_and if expression.operator == "all" else np.logical_or
    found: Mask = join.reduce([_can_be_true(part, of) for part in expression.parts])
    return found
