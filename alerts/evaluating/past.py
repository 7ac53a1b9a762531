"""Replays the late readings of a round in their own time, and records the late alarms that they reveal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.alarm.change import Mark, Subject
from alerts.alarm.records import record_late
from alerts.evaluating.evaluation import Decision, DecisionKind, RuleState
from alerts.evaluating.judged_readings import read_blocks
from alerts.evaluating.late import (
    Episode,
    Replay,
    concerns,
    gone_on,
    pieces,
    reach_ahead_ms,
    reach_back_ms,
    replay,
    still_holds,
)
from alerts.evaluating.reading_window import ReadingWindow, instant
from alerts.rules.block import ReadingBlock
from alerts.rules.rule import ChannelRule, MeasureKind
from quantrac.database.pool import Connection

SETTLE: Final = timedelta(seconds=20)
"""Late readings come in pieces: so long after the last of them they are put back into their own time."""
PIECE_MS: Final = 40 * 86_400_000
"""A longer period is replayed in pieces: as a whole it would not fit the memory."""


@dataclass(frozen=True, slots=True)
class LateReadings:
    """Late readings of one channel, and the rules that they concern."""

    channel_id: int
    from_ms: int
    to_ms: int
    rules: tuple[ChannelRule, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The alarms of one rule and channel that late readings reveal."""

    rule: ChannelRule
    channel_id: int | None
    """None: of the station as a whole."""
    episodes: tuple[Episode, ...]
    """Alarms of the past."""
    after: RuleState
    """The state to go on from."""
    raised: Decision | None
    """An alarm, or a worse level of one, that nobody knows of and that still holds at the newest fresh reading."""
    end_ms: int
    """Time of the newest reading of the replay."""


def late_of(
    rules: Sequence[ChannelRule], channel_id: int, block: ReadingBlock, *, all_late: bool
) -> LateReadings | None:
    """Return the late readings of a block, with the rules whose alarms they may have raised; None: there are none."""
    late = np.ones(len(block), dtype=np.bool_) if all_late else block.is_late(rules[0].interval_ms)
    if block.start_ms is not None:
        late = late & (block.t_ms >= block.start_ms)
    if not late.any():
        return None
    concerned = tuple(rule for rule in rules if _may_raise(rule, block, late))
    times = block.t_ms[late]
    return LateReadings(channel_id, int(times[0]), int(times[-1]), concerned)


def _may_raise(rule: ChannelRule, block: ReadingBlock, late: NDArray[np.bool_]) -> bool:
    """Whether one of the late readings holds the condition of a level; rules that look back are always run."""
    if rule.measure.kind is not MeasureKind.VALUE:
        return True
    value = block.value[late & block.counts(rule.use)]
    if not len(value):
        return False
    low, high = float(value.min()), float(value.max())
    return any(level.holds(low) or level.holds(high) for level in rule.levels)


def with_late(state: RuleState, late: LateReadings) -> RuleState:
    """Return a state that remembers the late readings until they have settled."""
    first, last = state.late or (late.from_ms, late.to_ms)
    return msgspec.structs.replace(state, late=(min(first, late.from_ms), max(last, late.to_ms)))


def look_back(conn: Connection, rule: ChannelRule, channel_id: int, state: RuleState) -> Found | None:
    """Replay the period of the late readings that a state remembers with all that is stored of it now."""
    if state.late is None:
        return None
    blocks = _blocks(conn, rule, channel_id, *period_of(rule, state.late, state.cursor_ms))
    past = replay(rule, blocks)
    return None if past.state.cursor_ms is None else found_in(rule, channel_id, state, past, past.state.cursor_ms)


def _blocks(conn: Connection, rule: ChannelRule, channel_id: int, start_ms: int, end_ms: int) -> Iterator[ReadingBlock]:
    """Yield the stored readings of a period, piece by piece."""
    context_ms = rule.measure.window_ms + rule.interval_ms
    for first, last in pieces(start_ms, end_ms, PIECE_MS):
        window = ReadingWindow(channel_id, rule.channel, first - context_ms, last)
        if (block := read_blocks(conn, [window]).get(channel_id)) is not None:
            yield block


def period_of(rule: ChannelRule, late: tuple[int, int], cursor_ms: int | None) -> tuple[int, int]:
    """Return from where a replay must know everything to where its alarms end, never beyond what is evaluated."""
    first, last = late
    ahead = last + reach_ahead_ms(rule)
    end = ahead if cursor_ms is None else max(last, min(cursor_ms, ahead))
    return first - reach_back_ms(rule), end


def found_in(rule: ChannelRule, channel_id: int | None, present: RuleState, past: Replay, end_ms: int) -> Found:
    """Return the alarms that a replay reveals."""
    assert present.late is not None
    told = [episode for episode in past.episodes if concerns(episode, rule, *present.late)]
    after, now_told = msgspec.structs.replace(present, late=None), None
    if still_holds(rule, present, past) and past.last is not None and past.last.level is not None:
        assert present.cursor_ms is not None
        now_told = Decision(
            DecisionKind.RAISED, present.cursor_ms, past.last.value, past.last.level, past.last.since_ms
        )
        after = gone_on(present, past)
        holds = past.last.level.severity
        told = [one for one in told if one.cleared_ms is not None or one.level.severity > holds]
    return Found(rule, channel_id, tuple(told), after, now_told, end_ms)


def record_found(conn: Connection, found: Found, now: datetime) -> int:
    """Put the alarms of the past on record and return how many were new."""
    subject = Subject(found.rule.rule, found.rule.station, found.channel_id, found.rule.story)
    new = 0
    for episode in found.episodes:
        level = episode.level
        end = found.end_ms if episode.cleared_ms is None else episode.cleared_ms
        mark = Mark(level.name, level.severity, episode.value, level.limit)
        period = (instant(episode.raised_ms), instant(end))
        worst_at = instant(episode.worst_ms)
        new += record_late(conn, subject, mark, period, found.rule.texts, level.to, now, worst_at=worst_at) is not None
    return new
