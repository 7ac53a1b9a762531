"""Evaluates the expression of a composite rule: readings of its members become readings of 1 and 0. Pure.

A reading counts for its interval, so the expression is known piece by piece between the ends and starts of readings.
It is worked out up to the time that every member has reached; a member that lies too far behind the others is stale: it
is waited for no more, and is unknown there. What is unknown is a reading without a value: it neither raises nor clears.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from alerts.evaluating.course import Times, course_of, fresh_until
from alerts.rules.block import ReadingBlock
from alerts.rules.composite import FALSE, TRUE, UNKNOWN, CompositeRule, Member, Truth
from quantrac.config.rules import Side
from quantrac.telemetry.quality import Quality

NOTHING: Final = ReadingBlock.of([])


def horizon(rule: CompositeRule, reached: Mapping[str, int], begun_ms: int) -> int | None:
    """Return up to when the expression can be worked out; None: nothing has come.

    Args:
        rule: the composite rule.
        reached: time of the newest fresh reading by channel; a channel that is not there has none.
        begun_ms: when the rule began to listen, for members that have never said anything.
    """
    times = {member.rule.channel: reached.get(member.rule.channel, begun_ms) for member in rule.members}
    newest = max(times.values())
    if not any(channel in reached for channel in times):
        return None
    waited_for = [
        times[member.rule.channel]
        for member in rule.members
        if newest - times[member.rule.channel] <= member.stale_after_ms
    ]
    return min(waited_for)


def reached_by(rule: CompositeRule, blocks: Mapping[str, ReadingBlock]) -> dict[str, int]:
    """Return the time of the newest fresh reading of each member's block."""
    found = {
        member.rule.channel: fresh_until(blocks.get(member.rule.channel, NOTHING), member.rule.interval_ms)
        for member in rule.members
    }
    return {channel: t_ms for channel, t_ms in found.items() if t_ms is not None}


def verdicts(rule: CompositeRule, blocks: Mapping[str, ReadingBlock], from_ms: int, until_ms: int) -> ReadingBlock:
    """Return readings of 1 (the expression holds), 0 (it does not) or none (unknown) over from_ms < t <= until_ms.

    They follow one another without gaps; the first stands at `from_ms` and has no value. Blocks by channel hold the
    readings of the members from `rule.memory_ms` before `from_ms` on, and what reaches beyond `until_ms`.
    """
    pieces = {member.name: _pieces(member, blocks.get(member.rule.channel, NOTHING)) for member in rule.members}
    edges = np.concatenate([edge for ends, starts, _ in pieces.values() for edge in (ends, starts)])
    inside = np.unique(edges[(edges > from_ms) & (edges <= until_ms)])
    ends = inside if len(inside) and inside[-1] == until_ms else np.append(inside, until_ms)
    truth = rule.truth({name: _at(ends, *own) for name, own in pieces.items()})
    t_ms = np.concatenate(([from_ms], ends)).astype(np.int64)
    unknown = np.concatenate(([True], truth == UNKNOWN))
    return ReadingBlock(
        t_ms=t_ms,
        value=np.where(unknown, np.nan, np.concatenate(([0.0], truth.astype(np.float64)))),
        quality=np.where(unknown, int(Quality.MISSING), int(Quality.GOOD)).astype(np.int8),
        received_ms=t_ms,
        state=np.zeros(len(t_ms), dtype=np.int8),
    )


def _pieces(member: Member, block: ReadingBlock) -> tuple[Times, Times, Truth]:
    """Return end and start of what each reading covers, and whether the condition holds there."""
    course = course_of(member.rule, block, None) if len(block) else None
    if course is None:
        empty = np.empty(0, dtype=np.int64)
        return empty, empty, empty.astype(np.int8)
    value = course.of(member.level.side)
    holds = value < member.level.limit if member.level.side is Side.BELOW else value > member.level.limit
    truth = np.where(holds, TRUE, FALSE)
    if course.can_recover is not None:
        truth = np.where(~holds & ~course.can_recover, UNKNOWN, truth)
    return course.t_ms, course.t_ms - course.span_ms, truth


def _at(times: Times, ends: Times, starts: Times, truth: Truth) -> Truth:
    """Return the truth at times: that of the reading that covers each, or unknown."""
    if not len(ends):
        return np.full(len(times), UNKNOWN)
    place = np.searchsorted(ends, times, side="left")
    covering = np.minimum(place, len(ends) - 1)
    covered = (place < len(ends)) & (starts[covering] < times)
    return np.where(covered, truth[covering], UNKNOWN)
