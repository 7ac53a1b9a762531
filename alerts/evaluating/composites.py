"""Composite rules over the change feed: how far their members have come, the pieces in between, their memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from alerts.evaluating.composite import NOTHING, horizon, reached_by, verdicts
from alerts.evaluating.doubt import LOOK_BACK_MS
from alerts.evaluating.evaluation import Decision, RuleState, step
from alerts.evaluating.judged_readings import NotJudgedYet, read_blocks
from alerts.evaluating.late import Replay, replay
from alerts.evaluating.past import SETTLE, Found, found_in, period_of
from alerts.evaluating.reading_window import ReadingWindow, instant, milliseconds
from alerts.evaluating.readings import hull, windows_of
from alerts.rules.block import ReadingBlock
from alerts.rules.composite import CompositeRule
from quantrac.database.feed import Change
from quantrac.database.pool import Connection

Key = tuple[str, str]
"""(rule, station)."""

CHANNELS: Final = "select channel_id, channel from channel where channel = any(%s)"
LOAD: Final = """
select rule, station, state::text from composite_state
where (rule, station) in (select * from unnest(%s::text[], %s::text[]))
"""
SAVE: Final = """
insert into composite_state (rule, station, state, cursor) values (%s, %s, %s::jsonb, %s)
on conflict (rule, station) do update set state = excluded.state, cursor = excluded.cursor
"""
UNSETTLED: Final = "select rule, station from composite_state where state->'machine'->'late' <> 'null'"


class CompositeState(msgspec.Struct, frozen=True):
    """What a composite rule remembers of a station."""

    begun_ms: int
    """Nothing before it was ever looked at."""
    machine: RuleState = msgspec.field(default_factory=RuleState)
    reached: dict[str, int] = {}
    """Time of the newest fresh reading by member channel."""

    @property
    def known_ms(self) -> int:
        """Up to when it is evaluated."""
        return self.begun_ms if self.machine.cursor_ms is None else self.machine.cursor_ms


@dataclass
class Composing:
    """The composite rules of a network. `evaluate` and `save` belong into one transaction."""

    conn: Connection
    rules: Sequence[CompositeRule]
    _ids: dict[str, int] = field(default_factory=dict)
    _unsettled: dict[Key, datetime] = field(default_factory=dict)

    def learn(self, now: datetime) -> None:
        """Learn the ids of the member channels, and which rules remember late readings."""
        wanted = sorted({channel for rule in self.rules for channel in rule.channels})
        self._ids = {channel: id_ for id_, channel in self.conn.execute(CHANNELS, [wanted])} if wanted else {}
        for key in self.conn.execute(UNSETTLED).fetchall() if self.rules else ():
            self._unsettled.setdefault((key[0], key[1]), now)

    def rule(self, key: Key) -> CompositeRule | None:
        """Return the rule of a key."""
        return next((rule for rule in self.rules if (rule.rule.rule, rule.station) == key), None)

    def evaluate(
        self, changes: Iterable[Change], now: datetime
    ) -> tuple[dict[Key, CompositeState], list[tuple[CompositeRule, Decision]]]:
        """Return the new states of the rules that changes concern, and what they decide."""
        names = {id_: channel for channel, id_ in self._ids.items()}
        changed = {names[id_]: found for id_, found in windows_of(self.conn, changes, names).items()}
        concerned = [rule for rule in self.rules if rule.channels & changed.keys()]
        if not concerned:
            return {}, []
        states = self._states(concerned, changed)
        blocks = self._blocks(concerned, states, changed)
        decided: list[tuple[CompositeRule, Decision]] = []
        for rule in concerned:
            key = (rule.rule.rule, rule.station)
            late = _late(rule, states[key].known_ms, changed, blocks)
            states[key], decisions = advanced(rule, states[key], blocks)
            decided += [(rule, decision) for decision in decisions]
            if late is not None:
                states[key] = _with_late(states[key], late)
                self._unsettled[key] = now
        return states, decided

    def save(self, states: Mapping[Key, CompositeState]) -> None:
        """Remember."""
        for (rule, station), state in sorted(states.items()):
            cursor = state.machine.cursor_ms
            values = [msgspec.json.encode(state).decode(), None if cursor is None else instant(cursor)]
            self.conn.execute(SAVE, [rule, station, *values])

    def forget(self, key: Key) -> None:
        """Drop what a rule remembers of a station."""
        self.conn.execute("delete from composite_state where rule = %s and station = %s", key)
        self._unsettled.pop(key, None)

    def settled(self, now: datetime) -> list[tuple[Key, CompositeState, Found]]:
        """Put late readings that have settled back into their own time; return what that brings to light."""
        keys = [key for key, at in self._unsettled.items() if now - at >= SETTLE]
        found = []
        for key in keys:
            rule, state = self.rule(key), self._load([key]).get(key)
            try:
                past = None if rule is None or state is None else self._look_back(rule, state)
            except NotJudgedYet:
                continue
            if past is not None and state is not None:
                found.append((key, msgspec.structs.replace(state, machine=past.after), past))
            del self._unsettled[key]
        return found

    def stands_at(self, key: Key, raised_at: datetime) -> bool:
        """Whether a rule still raises at a time with the readings as they are judged now; True: it is there no more."""
        rule = self.rule(key)
        if rule is None:
            return True
        end = milliseconds(raised_at)
        return self._replayed(rule, end - LOOK_BACK_MS - rule.rule.longest_delay_ms, end).state.level is not None

    def _states(
        self, rules: Iterable[CompositeRule], changed: Mapping[str, list[ReadingWindow]]
    ) -> dict[Key, CompositeState]:
        keys = {(rule.rule.rule, rule.station): rule for rule in rules}
        known = self._load(keys)
        for key, rule in keys.items():
            if key not in known:
                first = min(window.from_t for channel in rule.channels for window in changed.get(channel, ()))
                known[key] = CompositeState(milliseconds(first) - rule.rule.interval_ms)
        return known

    def _load(self, keys: Iterable[Key]) -> dict[Key, CompositeState]:
        wanted = list(keys)
        rows = self.conn.execute(LOAD, [[rule for rule, _ in wanted], [station for _, station in wanted]])
        return {(rule, station): msgspec.json.decode(text, type=CompositeState) for rule, station, text in rows}

    def _blocks(
        self,
        rules: Iterable[CompositeRule],
        states: Mapping[Key, CompositeState],
        changed: Mapping[str, list[ReadingWindow]],
    ) -> dict[str, ReadingBlock]:
        """Read of each member what lies beyond what some rule knows, with context, as far as the feed has come."""
        windows: dict[str, ReadingWindow] = {}
        for rule in rules:
            state = states[rule.rule.rule, rule.station]
            start = instant(state.known_ms - rule.memory_ms)
            for channel in rule.channels & self._ids.keys():
                ends = [instant(state.reached.get(channel, state.begun_ms))]
                ends += [window.to_t for window in changed.get(channel, ())]
                if max(ends) > start:
                    own = ReadingWindow(self._ids[channel], channel, start, max(ends))
                    windows[channel] = hull([own, windows[channel]] if channel in windows else [own]) or own
        read = read_blocks(self.conn, list(windows.values()))
        return {channel: read[window.channel_id] for channel, window in windows.items() if window.channel_id in read}

    def _look_back(self, rule: CompositeRule, state: CompositeState) -> Found | None:
        if state.machine.late is None:
            return None
        start, end = period_of(rule.rule, state.machine.late, state.machine.cursor_ms)
        return found_in(rule.rule, None, state.machine, self._replayed(rule, start, end), end)

    def _replayed(self, rule: CompositeRule, start: int, end: int) -> Replay:
        windows = [
            ReadingWindow(self._ids[channel], channel, instant(start - rule.memory_ms), instant(end))
            for channel in sorted(rule.channels & self._ids.keys())
        ]
        read = read_blocks(self.conn, windows)
        blocks = {w.channel: read[w.channel_id].as_timely() for w in windows if w.channel_id in read}
        return replay(rule.rule, verdicts(rule, blocks, start, end))


def advanced(
    rule: CompositeRule, state: CompositeState, blocks: Mapping[str, ReadingBlock]
) -> tuple[CompositeState, list[Decision]]:
    """Return the state after the readings of the members, and what the rule decides. Pure."""
    reached = dict(state.reached)
    for channel, t_ms in reached_by(rule, blocks).items():
        reached[channel] = max(t_ms, reached.get(channel, t_ms))
    until = horizon(rule, reached, state.begun_ms)
    if until is None or until <= state.known_ms:
        return CompositeState(state.begun_ms, state.machine, reached), []
    outcome = step(rule.rule, state.machine, verdicts(rule, blocks, state.known_ms, until))
    return CompositeState(state.begun_ms, outcome.state, reached), outcome.decisions


def _late(
    rule: CompositeRule, known_ms: int, changed: Mapping[str, list[ReadingWindow]], blocks: Mapping[str, ReadingBlock]
) -> tuple[int, int] | None:
    """Return first and last of the readings that came too late for the rule; None: none did."""
    times: list[int] = []
    for member in rule.members:
        for window in changed.get(member.rule.channel, ()):
            if milliseconds(window.from_t) <= known_ms:
                times += [milliseconds(window.from_t), min(milliseconds(window.to_t), known_ms)]
        block = blocks.get(member.rule.channel, NOTHING)
        late = block.t_ms[block.is_late(member.rule.interval_ms) & (block.t_ms > known_ms)]
        times += late[[0, -1]].tolist() if len(late) else []
    return (min(times), max(times)) if times else None


def _with_late(state: CompositeState, late: tuple[int, int]) -> CompositeState:
    first, last = state.machine.late or late
    both = (min(first, late[0]), max(last, late[1]))
    return msgspec.structs.replace(state, machine=msgspec.structs.replace(state.machine, late=both))
