"""The state machine of one rule on one channel, in event time. Pure: no clock, no database.

Each level of a rule is a machine of its own: normal → pending → active → recovering → normal. A reading counts for its
interval, its time being the end of that interval; what is missing, null or of a quality that the rule does not use
counts neither as time in alarm nor as recovery: the machines wait. The alarm of the rule stands while any level is
active or recovering; its level is the most severe of them.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from enum import StrEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.block import Block
from alerts.rule import ChannelRule, Level, Side


class Phase(StrEnum):
    """Where a level's machine stands."""

    NORMAL = "normal"
    PENDING = "pending"
    ACTIVE = "active"
    RECOVERING = "recovering"

    @property
    def is_standing(self) -> bool:
        """Whether the level is in alarm."""
        return self in (Phase.ACTIVE, Phase.RECOVERING)


class LevelState(msgspec.Struct):
    """What one level remembers."""

    phase: Phase = Phase.NORMAL
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


class Kind(StrEnum):
    """What a decision says."""

    PENDING = "pending"
    SUBSIDED = "subsided"
    RAISED = "raised"
    LEVEL = "level"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of the alarm of one rule and channel."""

    kind: Kind
    t_ms: int
    """Time of the reading that made it so."""
    value: float
    level: Level | None
    """The level reached; of a cleared or subsided alarm the one that was left, None if the rule has it no more."""
    since_ms: int
    """When the condition began (raised, level), or the alarm's own time (the others)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a block of readings did."""

    state: RuleState
    decisions: list[Decision]
    late: int
    """Readings that were late and not counted."""


def step(rule: ChannelRule, state: RuleState, block: Block) -> Outcome:
    """Evaluate one rule over a block of readings of its channel.

    Late readings (see `Block.is_late`, and those at or behind the cursor) change nothing.

    Args:
        rule: the rule on this channel.
        state: what the last call returned; `RuleState()` at first. Not changed.
        block: readings, any number, of any time.
    """
    cursor = state.cursor_ms
    late = block.is_late(rule.interval_ms)
    if cursor is not None:
        late |= block.t_ms <= cursor
    if late.all():
        return Outcome(state, [], int(late.sum()))
    fresh = ~late
    machine = _Machine(rule, state)
    machine.take(block, fresh, block.counts(rule.use) & fresh)
    return Outcome(machine.state(int(block.t_ms[fresh][-1])), machine.decisions, int(late.sum()))


class _Machine:
    """The levels of one rule while a block runs through them."""

    def __init__(self, rule: ChannelRule, state: RuleState) -> None:
        self.rule = rule
        self.decisions: list[Decision] = []
        self._cursor = state.cursor_ms
        self._timers = [(level, copy(state.levels.get(level.key) or LevelState())) for level in rule.levels]
        self._standing = state.level
        self._pending = state.level is None and any(timer.phase is Phase.PENDING for _, timer in self._timers)

    def take(self, block: Block, fresh: NDArray[np.bool_], counting: NDArray[np.bool_]) -> None:
        """Run the counting readings through the levels; a block that cannot change a resting state is skipped whole."""
        if self._rests() and not _crosses(self.rule.levels, block.value[counting]):
            return
        t_ms, value, counts = block.t_ms[fresh], block.value[fresh], counting[fresh]
        covered = self._covered(t_ms)
        rows = zip(t_ms[counts].tolist(), value[counts].tolist(), covered[counts].tolist(), strict=True)
        for t, v, span_ms in rows:
            self._advance(t, v, span_ms)

    def state(self, cursor_ms: int) -> RuleState:
        """Return what to remember."""
        levels = {level.key: timer for level, timer in self._timers if timer.phase is not Phase.NORMAL}
        return RuleState(cursor_ms=cursor_ms, level=self._standing, levels=levels)

    def _rests(self) -> bool:
        return self._standing is None and all(timer.phase is Phase.NORMAL for _, timer in self._timers)

    def _covered(self, t_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Time that each reading covers: its interval, but never back beyond the reading before it."""
        first = t_ms[0] - self.rule.interval_ms if self._cursor is None else self._cursor
        return np.minimum(np.diff(t_ms, prepend=first), self.rule.interval_ms)

    def _advance(self, t_ms: int, value: float, span_ms: int) -> None:
        for level, timer in self._timers:
            if timer.phase.is_standing:
                _towards_normal(level, timer, value, span_ms)
            else:
                _towards_alarm(level, timer, value, t_ms, span_ms)
        self._decide(t_ms, value)

    def _decide(self, t_ms: int, value: float) -> None:
        """Compare what stands now with what stood before this reading."""
        top = next(((level, timer) for level, timer in reversed(self._timers) if timer.phase.is_standing), None)
        if top is not None:
            self._decide_standing(*top, t_ms, value)
        elif self._standing is not None:
            self._say(Kind.CLEARED, t_ms, value, self.rule.level(self._standing))
            self._standing = None
        if top is None:
            self._decide_pending(t_ms, value)

    def _decide_standing(self, level: Level, timer: LevelState, t_ms: int, value: float) -> None:
        if self._standing == level.key:
            return
        kind = Kind.RAISED if self._standing is None else Kind.LEVEL
        if kind is Kind.RAISED and not self._pending:
            self._say(Kind.PENDING, t_ms, value, level, timer.since_ms)
        self._standing, self._pending = level.key, False
        self._say(kind, t_ms, value, level, timer.since_ms)

    def _decide_pending(self, t_ms: int, value: float) -> None:
        first = next(((level, timer) for level, timer in self._timers if timer.phase is Phase.PENDING), None)
        if first is not None and not self._pending:
            self._say(Kind.PENDING, t_ms, value, first[0], first[1].since_ms)
        elif first is None and self._pending:
            self._say(Kind.SUBSIDED, t_ms, value, None)
        self._pending = first is not None

    def _say(self, kind: Kind, t_ms: int, value: float, level: Level | None, since_ms: int | None = None) -> None:
        self.decisions.append(Decision(kind, t_ms, value, level, t_ms if since_ms is None else since_ms))


def _towards_alarm(level: Level, timer: LevelState, value: float, t_ms: int, span_ms: int) -> None:
    if not level.holds(value):
        if timer.phase is Phase.PENDING:
            timer.phase, timer.counted_ms, timer.since_ms = Phase.NORMAL, 0, None
        return
    if timer.phase is Phase.NORMAL:
        timer.phase, timer.counted_ms, timer.since_ms = Phase.PENDING, 0, t_ms - span_ms
    timer.counted_ms += span_ms
    if timer.counted_ms >= level.on_delay_ms:
        timer.phase, timer.counted_ms = Phase.ACTIVE, 0


def _towards_normal(level: Level, timer: LevelState, value: float, span_ms: int) -> None:
    if not level.has_recovered(value):
        timer.phase, timer.counted_ms = Phase.ACTIVE, 0
        return
    timer.phase = Phase.RECOVERING
    timer.counted_ms += span_ms
    if timer.counted_ms >= level.off_delay_ms:
        timer.phase, timer.counted_ms, timer.since_ms = Phase.NORMAL, 0, None


def _crosses(levels: tuple[Level, ...], values: NDArray[np.float64]) -> bool:
    """Whether any value is beyond any limit."""
    if not len(values):
        return False
    low, high = float(values.min()), float(values.max())
    return any(level.holds(low if level.side is Side.BELOW else high) for level in levels)
