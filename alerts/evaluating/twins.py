"""Twins: channels of a station that measure the same for the same rule make one alarm, as bad as the worse. Pure.

Each twin has levels and delays of its own. The alarm stands at the channel that raised it, at the worst level of all
twins, and is over when the last of them is. A rule that names one channel has no twins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.evaluating.evaluation import Decision, DecisionKind
from alerts.rules.rule import ChannelRule
from quantrac.config.rules import Level

Story = tuple[str, str, str]
"""(rule, station, parameter)."""


@dataclass(frozen=True, slots=True)
class Joint:
    """What a twin's decision makes of the alarm of all."""

    decision: Decision | None
    """None: nothing changes."""
    channel: str
    """The twin that the alarm's level is due to."""


def story_of(rule: ChannelRule) -> Story | None:
    """Return what a rule has in common with its twins; None: it has none."""
    return None if rule.story is None else (rule.rule, rule.station, rule.story)


def level_key(decision: Decision) -> str | None:
    """Return the key of the level at which a channel stands after a decision; None: it is normal."""
    return None if decision.kind is DecisionKind.CLEARED or decision.level is None else decision.level.key


def joint(rule: ChannelRule, decision: Decision, standing: Mapping[str, str | None]) -> Joint:
    """Return what a decision about the channel of `rule` makes of the alarm of all twins.

    `standing` has the key of each twin's level, by channel, before the decision; None: it is normal.
    """
    channel, after = _worst(rule, {**standing, rule.channel: level_key(decision)}, rule.channel)
    before = _worst(rule, standing, rule.channel)[1]
    if after is None or before is None:
        return Joint(decision, rule.channel)
    if after.key == before.key:
        return Joint(None, channel)
    return Joint(replace(decision, kind=DecisionKind.LEVEL, level=after, cause=None), channel)


def told_as_one(made: Iterable[tuple[ChannelRule, Sequence[Decision]]]) -> Iterator[tuple[ChannelRule, Decision]]:
    """Yield the events of the joint alarm that decisions of twins make, in order, each with its twin."""
    own = {rule.channel: (rule, decisions) for rule, decisions in made}
    every = [(rule, decision) for rule, decisions in own.values() for decision in decisions]
    standing: dict[str, str | None] = dict.fromkeys(own)
    for rule, decision in sorted(every, key=lambda pair: pair[1].rank):
        told = joint(rule, decision, standing)
        standing[rule.channel] = level_key(decision)
        if told.decision is not None:
            yield own[told.channel][0], told.decision


def _worst(rule: ChannelRule, standing: Mapping[str, str | None], own: str) -> tuple[str, Level | None]:
    """Return the worst level that stands, and the twin at it: the rule's own channel rather than another."""
    order: Sequence[str] = [level.key for level in rule.levels]
    ranked = {channel: order.index(key) for channel, key in standing.items() if key in order}
    if not ranked:
        return own, None
    top = max(ranked.values())
    channel = own if ranked.get(own) == top else min(name for name, rank in ranked.items() if rank == top)
    return channel, rule.levels[top]
