"""The state machine of one rule on one channel, in event time. Pure: no clock, no database.

Each level of a rule is a machine of its own: normal → pending → active → recovering → normal. A reading counts for its
interval, its time being the end of that interval; what is missing, null or of a quality that the rule does not use
counts neither as time in alarm nor as recovery: the machines wait. The alarm of the rule stands while any level is
active or recovering; its level is the most severe of them. Its end is an all-clear only where the readings have left
every level that it reached, as that level was then (`reached`); any other end has a cause.

Blocks, not readings: a level looks for spells (readings in a row that hold its condition, or are past its clear limit)
that last as long as its delay, and visits only those. A block whose extremes cross no limit is not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import msgspec
import numpy as np

from alerts.alarm.change import EndCause
from alerts.evaluating.course import Course, Mask, course_of, fresh_until, in_force_of
from alerts.evaluating.reached import ReachedLevel, ReachedLevels, edited_level, recovered, renamed_levels
from alerts.evaluating.spells import Spells
from alerts.rules.block import ReadingBlock
from alerts.rules.rule import ChannelRule
from quantrac.config.rules import Level, Side


class LevelPhase(StrEnum):
    """Where a level's machine stands."""

    NORMAL = "normal"
    PENDING = "pending"
    ACTIVE = "active"
    RECOVERING = "recovering"

    @property
    def is_standing(self) -> bool:
        """Whether the level is in alarm."""
        return self in (LevelPhase.ACTIVE, LevelPhase.RECOVERING)


class LevelState(msgspec.Struct, frozen=True):
    """What one level remembers."""

    phase: LevelPhase = LevelPhase.NORMAL
    counted_ms: int = 0
    """Time of readings counted towards the on-delay (pending) or the off-delay (recovering)."""
    since_ms: int | None = None
    """Start of the first reading that held the condition of the present episode."""


class RuleState(msgspec.Struct):
    """What one rule remembers of one channel; `msgspec.json` writes and reads it."""

    cursor_ms: int | None = None
    """Time of the newest reading evaluated."""
    level: str | None = None
    """Key of the level of the standing alarm."""
    levels: dict[str, LevelState] = {}
    counted_ms: int | None = None
    """Time of the newest reading that counted: since then the rule knows nothing."""
    late: tuple[int, int] | None = None
    """First and last of the late readings that have not been put back into their own time yet."""
    reached: tuple[ReachedLevel, ...] = ()
    """Levels that the standing alarm has reached and the readings have not left yet."""

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is pending, standing or late: how far it has come is all that it remembers."""
        return self == RuleState(self.cursor_ms, counted_ms=self.counted_ms)


class DecisionKind(StrEnum):
    """What a decision says."""

    RAISED = "raised"
    LEVEL = "level"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of the alarm of one rule and channel."""

    kind: DecisionKind
    t_ms: int
    """Time of the reading that made it so."""
    value: float
    level: Level | None
    """The level reached; of a cleared alarm the one that was left, or that its readings have not left (`cause`)."""
    since_ms: int
    """When the condition began (raised, level), or the alarm's own time (cleared)."""
    cause: EndCause | None = None
    """What ended an alarm that its readings have not left; None: they have."""

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Its place among decisions: by time, at one time the worst first and ends last."""
        return self.t_ms, self.kind is DecisionKind.CLEARED, 0 if self.level is None else -int(self.level.severity)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A rule after a block of readings: its new state, and what it decided."""

    state: RuleState
    decisions: list[Decision]
    late: int
    """Readings that were late and not counted."""


def step(rule: ChannelRule, state: RuleState, block: ReadingBlock) -> Evaluated:
    """Evaluate one rule over a block of readings of its channel.

    Late readings (see `Block.is_late`, and those at or behind the cursor) change nothing.

    Args:
        rule: the rule on this channel.
        state: what the last call returned; `RuleState()` at first. Not changed.
        block: readings, any number, of any time, perhaps with context before `start_ms`.
    """
    newest = fresh_until(block, rule.interval_ms)
    late = _late(rule, state, block)
    if newest is None or (state.cursor_ms is not None and newest <= state.cursor_ms):
        return Evaluated(state, [], late)
    course = course_of(rule, block, state.cursor_ms)
    if course is None:
        return Evaluated(msgspec.structs.replace(state, cursor_ms=newest), [], late)
    state = _as_edited(rule, state)
    turns, levels = _run_levels(rule, state, course)
    reached = ReachedLevels(rule, state.reached, course)
    decisions = list(_decisions(rule, state, turns, course, reached))
    standing = [level.key for level in rule.levels if levels[level.key].phase.is_standing]
    kept = {key: level for key, level in levels.items() if level.phase is not LevelPhase.NORMAL}
    level, counted = standing[-1] if standing else None, int(course.t_ms[-1])
    after = RuleState(newest, level, kept, counted, state.late, reached.not_left() if standing else ())
    return Evaluated(after, decisions, late)


def _as_edited(rule: ChannelRule, state: RuleState) -> RuleState:
    """Return the state for the rule as it is now: a renamed level goes on, one with other limits is reached."""
    if all(rule.level(one.level.key) == one.level for one in state.reached):
        return state
    names = renamed_levels(rule, state.reached, state.levels)
    keys = {old.key: new.key for old, new in names.items()}
    levels = {keys.get(key, key): level for key, level in state.levels.items()}
    reached = [ReachedLevel(names.get(one.level, one.level), one.measure, one.counted_ms) for one in state.reached]
    for key, level in levels.items():
        now = rule.level(key)
        if now is not None and level.phase.is_standing and now not in [one.level for one in reached]:
            reached.append(edited_level(now, rule.measure.word, reached))
            counted_ms = reached[-1].counted_ms
            phase = LevelPhase.RECOVERING if counted_ms else LevelPhase.ACTIVE
            levels[key] = LevelState(phase, counted_ms, level.since_ms)
    return msgspec.structs.replace(state, levels=levels, reached=tuple(reached))


def _late(rule: ChannelRule, state: RuleState, block: ReadingBlock) -> int:
    late = block.is_late(rule.interval_ms)
    if state.cursor_ms is not None and len(block) and block.t_ms[0] <= state.cursor_ms:
        late = late | (block.t_ms <= state.cursor_ms)
    return int(np.count_nonzero(late))


@dataclass(frozen=True, slots=True)
class _Turn:
    """A level that becomes active, or normal again, at one reading of the course."""

    at: int
    level: Level
    is_alarm: bool
    since_ms: int


def _run_levels(rule: ChannelRule, state: RuleState, course: Course) -> tuple[list[_Turn], dict[str, LevelState]]:
    """Run each level over the course; return all turns in order, and where the levels stand afterwards."""
    turns: list[_Turn] = []
    after: dict[str, LevelState] = {}
    for level in rule.levels:
        before = state.levels.get(level.key, LevelState())
        in_force = in_force_of(level, rule.zone, course)
        if _cannot_change(level, before, course, in_force):
            after[level.key] = before
        else:
            after[level.key] = _run(level, before, course, in_force, turns)
    turns.sort(key=lambda turn: turn.at)
    return turns, after


def _cannot_change(level: Level, state: LevelState, course: Course, in_force: Mask | None) -> bool:
    """Whether no reading crosses the limit that matters in the present phase."""
    worst = course.least if level.side is Side.BELOW else course.greatest
    best = float(course.below.max()) if level.side is Side.BELOW else float(course.above.min())
    if state.phase is LevelPhase.NORMAL:
        return not level.holds(worst)
    return state.phase is LevelPhase.ACTIVE and in_force is None and not level.has_recovered(best)


def _run(level: Level, state: LevelState, course: Course, in_force: Mask | None, turns: list[_Turn]) -> LevelState:
    """Append the turns of one level to `turns` and return where it stands at the end."""
    holds, recovers = _masks(level, course, in_force)
    pending_ms = state.counted_ms if state.phase is LevelPhase.PENDING else 0
    recovering_ms = state.counted_ms if state.phase is LevelPhase.RECOVERING else 0
    alarms, recoveries = Spells(holds, course, pending_ms), Spells(recovers, course, recovering_ms)
    raising, clearing = alarms.lasting(level.on_delay_ms), recoveries.lasting(level.off_delay_ms)
    standing, at, since = state.phase.is_standing, -1, state.since_ms
    while (found := (clearing if standing else raising).after(at)) is not None:
        start, at = found
        standing = not standing
        if standing and not (start == 0 and pending_ms):
            since = int(course.t_ms[start] - course.span_ms[start])
        turns.append(_Turn(at, level, standing, int(course.t_ms[at]) if since is None else since))
    last = (recoveries if standing else alarms).unfinished(at)
    if last is None:
        return LevelState(LevelPhase.ACTIVE, 0, since) if standing else LevelState()
    start, counted = last
    if standing:
        return LevelState(LevelPhase.RECOVERING, counted, since)
    begun = since if start == 0 and pending_ms else int(course.t_ms[start] - course.span_ms[start])
    return LevelState(LevelPhase.PENDING, counted, begun)


def _masks(level: Level, course: Course, in_force: Mask | None) -> tuple[Mask, Mask]:
    """Mark the readings that hold the condition, and those past the clear limit."""
    value = course.of(level.side)
    holds = value < level.limit if level.side is Side.BELOW else value > level.limit
    recovers = recovered(level, course)
    if in_force is not None:
        holds, recovers = holds & in_force, recovers | ~in_force
    return holds, recovers


def _decisions(
    rule: ChannelRule, before: RuleState, turns: list[_Turn], course: Course, reached: ReachedLevels
) -> Iterator[Decision]:
    """Compare, at each reading at which a level turned, the alarm that stands with the one before."""
    standing = before.level
    since = {key: state.since_ms for key, state in before.levels.items() if state.phase.is_standing and rule.level(key)}
    moments = [(at, list(group)) for at, group in groupby(turns, key=lambda turn: turn.at)]
    if standing is not None and standing not in since and (not moments or moments[0][0] > 0):
        moments.insert(0, (0, []))  # a level that the rule has no more is left at the first reading
    for at, group in moments:
        for turn in group:
            if turn.is_alarm:
                since[turn.level.key] = turn.since_ms
                reached.reach(turn.level, at)
            else:
                since.pop(turn.level.key, None)
        top = next((level for level in reversed(rule.levels) if level.key in since), None)
        if (top.key if top else None) == standing:
            continue
        if top is None:
            yield _end(at, reached, rule.level(standing or ""), course)
        else:
            yield _reached(at, top, standing is None, since[top.key], course)
        standing = top.key if top else None


def _reached(at: int, level: Level, is_new: bool, since_ms: int | None, course: Course) -> Decision:
    t_ms, value = int(course.t_ms[at]), float(course.of(level.side)[at])
    kind = DecisionKind.RAISED if is_new else DecisionKind.LEVEL
    return Decision(kind, t_ms, value, level, t_ms if since_ms is None else since_ms)


def _end(at: int, reached: ReachedLevels, left: Level | None, course: Course) -> Decision:
    t_ms, (held, cause) = int(course.t_ms[at]), reached.end(at)
    level = held or left
    value = float(course.of(Side.ABOVE if level is None else level.side)[at])
    return Decision(DecisionKind.CLEARED, t_ms, value, level, t_ms, cause)
