"""Late alarms: what late readings, replayed in their own time, would have raised. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from alerts.evaluating.evaluation import Decision, DecisionKind, LevelPhase, RuleState, step
from alerts.rules.block import ReadingBlock
from alerts.rules.rule import ChannelRule
from quantrac.config.rules import Level

LOOK_AHEAD_MS: Final = 24 * 3_600_000
"""How far behind the late readings an alarm of the past is followed to its end, at least."""


@dataclass(frozen=True, slots=True)
class Episode:
    """An alarm over its whole life."""

    level: Level
    """The worst that it reached."""
    raised_ms: int
    value: float
    """At the reading that took it to its worst level."""
    cleared_ms: int | None
    """None: it stands at the end of the readings."""
    worst_ms: int
    """When it reached its worst level."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What the readings of a period make of a rule when each counts at its own time."""

    episodes: tuple[Episode, ...]
    state: RuleState
    """Where the rule would stand at the end."""
    last: Decision | None

    @property
    def stands(self) -> bool:
        """Whether it would stand at a level that people are told of; in a lull it does not."""
        level = None if self.last is None else self.last.level
        return self.state.level is not None and level is not None and not level.is_lull


def reach_back_ms(rule: ChannelRule) -> int:
    """Return how much before a late reading the replay must begin to know what it could complete."""
    return rule.longest_delay_ms + rule.measure.window_ms + rule.interval_ms


def reach_ahead_ms(rule: ChannelRule) -> int:
    """Return how much behind a late reading the replay goes on."""
    longest_off = max((level.off_delay_ms for level in rule.levels), default=0)
    return max(LOOK_AHEAD_MS, 2 * (rule.longest_delay_ms + longest_off))


def replay(rule: ChannelRule, blocks: Iterable[ReadingBlock]) -> Replay:
    """Run a rule over a period as if every reading had come at its own time, beginning with nothing remembered.

    `blocks`: the period in pieces, in order, each with the context that its measure looks back for.
    """
    state, decisions = RuleState(), list[Decision]()
    for block in blocks:
        outcome = step(rule, state, block.as_timely())
        state, decisions = outcome.state, decisions + outcome.decisions
    return Replay(tuple(episodes(decisions)), state, decisions[-1] if decisions else None)


def pieces(start_ms: int, end_ms: int, longest_ms: int) -> Iterator[tuple[int, int]]:
    """Yield first and last of the pieces of a period: a station may come back with the readings of a season."""
    for first in range(start_ms, end_ms + 1, longest_ms):
        yield first, min(first + longest_ms - 1, end_ms)


def episodes(decisions: list[Decision]) -> Iterator[Episode]:
    """Return the alarms that decisions, in order, make up."""
    open_: Episode | None = None
    for decision in decisions:
        if decision.kind is DecisionKind.CLEARED:
            if open_ is not None:
                yield replace(open_, cleared_ms=decision.t_ms)
            open_ = None
        elif decision.level is not None and open_ is None:
            open_ = Episode(decision.level, decision.t_ms, decision.value, None, decision.t_ms)
        elif decision.level is not None and open_ is not None and decision.level.severity > open_.level.severity:
            open_ = replace(open_, level=decision.level, value=decision.value, worst_ms=decision.t_ms)
    if open_ is not None:
        yield open_


def still_holds(rule: ChannelRule, present: RuleState, past: Replay) -> bool:
    """Whether an alarm of the past still holds at the newest fresh reading, and nobody knows of it yet.

    Also one that stands at a milder level, or in a lull, as far as people know. `past` must reach up to the present:
    its newest reading is the newest fresh one. In a lull it does not hold.
    """
    if past.state.level is None or past.state.cursor_ms != present.cursor_ms or not past.stands:
        return False
    order = [level.key for level in rule.levels]
    if present.level is not None and present.level not in order[: order.index(past.state.level)]:
        return False
    standing = past.state.levels.get(past.state.level)
    return standing is not None and standing.phase is LevelPhase.ACTIVE


def gone_on(present: RuleState, past: Replay) -> RuleState:
    """Return the state to go on from with an alarm of the past that still holds: nothing that stands is forgotten."""
    known = {one.level for one in past.state.reached}
    reached = (*past.state.reached, *(one for one in present.reached if one.level not in known))
    return msgspec.structs.replace(past.state, levels=present.levels | past.state.levels, reached=reached)


def concerns(episode: Episode, rule: ChannelRule, from_ms: int, to_ms: int) -> bool:
    """Whether readings between two times can have had a part in raising an alarm, or in its worst level."""
    until_ms = to_ms + rule.longest_delay_ms + rule.measure.window_ms
    return any(from_ms <= t_ms <= until_ms for t_ms in (episode.raised_ms, episode.worst_ms))
