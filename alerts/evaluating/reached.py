"""The levels that a standing alarm has reached, each as it was then: whether the readings have left them. Pure.

Rules are edited while alarms stand. People were told of a level with its limits; that all is well again they are told
only when readings have been past that clear limit for that off-delay, whatever the rule says by then.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

import msgspec

from alerts.alarm.change import EndCause
from alerts.evaluating.course import Course, Mask
from alerts.evaluating.spells import Lasting, Spells
from alerts.rules.rule import ChannelRule
from quantrac.config.rules import Level, Side


class ReachedLevel(msgspec.Struct, frozen=True):
    """A level as it was when the alarm reached it, or stood at it."""

    level: Level
    measure: str
    """What its limits are compared with (`Measure.word`)."""
    counted_ms: int = 0
    """Time for which the readings have been past its clear limit."""


class ReachedLevels:
    """The levels that an alarm has reached, over the readings of one course."""

    def __init__(self, rule: ChannelRule, before: Iterable[ReachedLevel], course: Course) -> None:
        self._rule, self._course, self._measure = rule, course, rule.measure.word
        self._past_clear: dict[ReachedLevel, tuple[Spells, Lasting] | None] = {}
        """Past the clear limit of a level; None: no reading is. An alarm that comes and goes reaches it often."""
        self._levels = {one: self._left(one, -1) for one in before}
        """Each with the reading at which it is left (None: at none of them), and the time counted at the end."""

    def reach(self, level: Level, at: int) -> None:
        """Note that the alarm reaches a level at a reading."""
        one = ReachedLevel(level, self._measure)
        self._levels = {known: left for known, left in self._levels.items() if known.level != level}
        self._levels[one] = self._left(one, at)

    def end(self, at: int) -> tuple[Level | None, EndCause | None]:
        """Return the worst level that is not left when the alarm ends at a reading, and what ends the alarm."""
        held = [one for one, (left_at, _) in self._levels.items() if left_at is None or left_at > at]
        self._levels = {}
        if not held:
            return None, None
        worst = max(held, key=lambda one: one.level.badness)
        return worst.level, self._cause(worst)

    def not_left(self) -> tuple[ReachedLevel, ...]:
        """Return those that are not left at the end of the course."""
        return tuple(
            ReachedLevel(one.level, one.measure, counted_ms)
            for one, (left_at, counted_ms) in self._levels.items()
            if left_at is None
        )

    def _left(self, one: ReachedLevel, begin: int) -> tuple[int | None, int]:
        """Return the reading behind `begin` at which a level is left, and the time counted towards it at the end."""
        if one not in self._past_clear:
            self._past_clear[one] = self._spells_past_clear(one)
        known = self._past_clear[one]
        if known is None:
            return None, 0
        spells, lasting = known
        found, unfinished = lasting.after(begin), spells.unfinished(begin)
        return None if found is None else found[1], 0 if unfinished is None else unfinished[1]

    def _spells_past_clear(self, one: ReachedLevel) -> tuple[Spells, Lasting] | None:
        course, level = self._course, one.level
        best = float(course.below.max()) if level.side is Side.BELOW else float(course.above.min())
        if one.measure != self._measure or not level.has_recovered(best):
            return None
        spells = Spells(recovered(level, course), course, one.counted_ms)
        return spells, spells.lasting(level.off_delay_ms)

    def _cause(self, one: ReachedLevel) -> EndCause:
        now = self._rule.level(one.level.key)
        if one.measure != self._measure:
            return EndCause.MEASURE_CHANGED
        if now is None:
            return EndCause.LEVEL_REMOVED
        return EndCause.NOT_IN_FORCE if _leaves_alike(now, one.level) else EndCause.LIMIT_CHANGED


def recovered(level: Level, course: Course) -> Mask:
    """Mark the readings that are past the clear limit of a level, in force or not."""
    value = course.of(level.side)
    if level.side is Side.BELOW:
        mask = value >= level.limit if level.clear is None else value > level.clear
    else:
        mask = value <= level.limit if level.clear is None else value < level.clear
    return mask if course.can_recover is None else mask & course.can_recover


def edited_level(level: Level, measure: str, reached: Iterable[ReachedLevel]) -> ReachedLevel:
    """Return the level that an alarm stands at since an edit, with the time that counts for its clear limit already."""
    counted = (one.counted_ms for one in reached if one.measure == measure and _is_as_far(one.level, level))
    return ReachedLevel(level, measure, max(counted, default=0))


def _is_as_far(one: Level, other: Level) -> bool:
    """Whether readings past the clear limit of one level are past that of the other too."""
    if one.side is not other.side or one.clear is None or other.clear is None:
        return _leaves_alike(one, other)
    return one.clear >= other.clear if one.side is Side.BELOW else one.clear <= other.clear


def renamed_levels(rule: ChannelRule, reached: Iterable[ReachedLevel], known: Container[str]) -> Mapping[Level, Level]:
    """Return the levels that a rule has under another name now, by what they were.

    One is sure where exactly one level that was not there before has the limits, delays and severity of the old one.
    `known` are the keys of levels that the state remembers.
    """
    names = {}
    for one in {one.level.key: one for one in reached if one.measure == rule.measure.word}.values():
        if rule.level(one.level.key) is None and one.level.key in known:
            alike = [level for level in rule.levels if level.key not in known and _is_alike(level, one.level)]
            if len(alike) == 1:
                names[one.level] = alike[0]
    return names


def _is_alike(one: Level, other: Level) -> bool:
    return _leaves_alike(one, other) and (one.on_delay_ms, one.severity) == (other.on_delay_ms, other.severity)


def _leaves_alike(one: Level, other: Level) -> bool:
    return (one.side, one.limit, one.clear, one.off_delay_ms) == (
        other.side, other.limit, other.clear, other.off_delay_ms
    )  # fmt: skip
