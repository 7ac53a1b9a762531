"""Composite rules over the change feed: how far their members have come, the pieces in between, their memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

import msgspec
import numpy as np

from alerts.evaluating.composite import NOTHING, horizon, reached_by, verdicts
from alerts.evaluating.doubt import LOOK_BACK_MS
from alerts.evaluating.evaluation import Decision, RuleState, step
from alerts.evaluating.judged_readings import NotJudgedYet, read_blocks, read_readings
from alerts.evaluating.late import Replay, pieces, replay
from alerts.evaluating.past import PIECE_MS, SETTLE, Found, found_in, period_of
from alerts.evaluating.reading_window import ReadingWindow, instant, milliseconds
from alerts.evaluating.readings import hull
from alerts.evaluating.resting_composites import RestingComposites
from alerts.rules.block import ReadingBlock
from alerts.rules.composite import CompositeRule
from quantrac.database.pool import Connection

Key = tuple[str, str]
"""(rule, station)."""

SAVED_EVERY_MS: Final = 60_000
"""A rule at rest is saved when it has come so much further: a new process works the time since then out again."""

CHANNELS: Final = "select channel_id, channel from channel where channel = any(%s)"
LOAD: Final = """
select rule, station, state::text from composite_state
where (rule, station) in (select * from unnest(%s::text[], %s::text[]))
"""
SAVE: Final = """
insert into composite_state (rule, station, state, cursor)
select * from unnest(%s::text[], %s::text[], %s::text[]::jsonb[], %s::timestamptz[])
on conflict (rule, station) do update set state = excluded.state, cursor = excluded.cursor
"""


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


class Composing:
    """The composite rules of a network and their memory. Save only within a transaction wrapped by `in_step`."""

    def __init__(self, conn: Connection, rules: Sequence[CompositeRule]) -> None:
        """`learn` comes next, and again whenever `rules` are others."""
        self.conn, self.rules = conn, rules
        self._unsettled: dict[Key, datetime] = {}
        self._is_ahead = False
        """Whether memory holds what is not committed yet."""

    def learn(self, now: datetime) -> None:
        """Learn the ids of the member channels, and what the rules remember."""
        wanted = sorted({channel for rule in self.rules for channel in rule.channels})
        self._ids = {channel: id_ for id_, channel in self.conn.execute(CHANNELS, [wanted])} if wanted else {}
        self.channels = {id_: channel for channel, id_ in self._ids.items()}
        """Channels of members, by channel_id."""
        self._of: dict[str, list[int]] = {}
        """Numbers of the rules that watch a channel."""
        for number, rule in enumerate(self.rules):
            for channel in rule.channels:
                self._of.setdefault(channel, []).append(number)
        self._load()
        for key, state in self._states.items():
            if state.machine.late is not None:
                self._unsettled.setdefault(key, now)

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """Wrap a transaction: if it fails, memory goes back to what it was."""
        self._is_ahead = False
        try:
            yield
        except BaseException:
            if self._is_ahead and not self.conn.broken:
                self._load()
            raise

    def look_again(self, channels: Collection[int]) -> None:
        """Look again at what rules have not evaluated yet, for what was stored of channels is judged anew."""
        self._resting.forget(channels)
        for id_ in channels:
            self._looked_at.difference_update(self._of.get(self.channels.get(id_, ""), ()))

    def shift(self, station: str, from_t: datetime, to_t: datetime, by_ms: int) -> None:
        """Let the rules of a station go on from another time, where they are between two times."""
        first, last = milliseconds(from_t), milliseconds(to_t)
        moved = {
            key: msgspec.structs.replace(state, machine=msgspec.structs.replace(state.machine, cursor_ms=at + by_ms))
            for key, state in self._states.items()
            if key[1] == station and (at := state.machine.cursor_ms) is not None and first <= at <= last
        }
        self._write(moved)

    def rule(self, key: Key) -> CompositeRule | None:
        """Return the rule of a key."""
        return next((rule for rule in self.rules if _key(rule) == key), None)

    def evaluate(
        self,
        windows: Mapping[int, list[ReadingWindow]],
        judged: Mapping[int, list[ReadingWindow]],
        now: datetime,
    ) -> tuple[dict[Key, CompositeState], list[tuple[CompositeRule, Decision]]]:
        """Return the new states of the rules that readings concern, and what they decide.

        Args:
            windows: new readings by channel_id.
            judged: readings that a flag or correction judged anew, by channel_id.
            now: the time.
        """
        brought = {self.channels[id_]: found for id_, found in windows.items() if id_ in self.channels}
        changed = brought | {
            channel: [*brought.get(channel, ()), *found] for channel, found in self._judged_ahead(judged)
        }
        numbers = sorted({number for channel in changed for number in self._of[channel]})
        states = {number: self._state(self.rules[number], changed) for number in numbers}
        awake, newest = self._look(states, changed)
        blocks = self._blocks(awake, states, changed)
        decided: list[tuple[CompositeRule, Decision]] = []
        for number, state in states.items():
            rule = self.rules[number]
            if number not in awake:
                states[number] = rested(rule, state, newest)
                continue
            late = _late(rule, state.known_ms, brought, blocks)
            states[number], decisions = advanced(rule, state, blocks)
            self._resting.learn(number, blocks, state.known_ms)
            decided += [(rule, decision) for decision in decisions]
            if late is not None:
                states[number] = _with_late(states[number], late)
                self._unsettled[_key(rule)] = now
        self._looked_at |= states.keys()
        return {_key(self.rules[number]): state for number, state in states.items()}, decided

    def save(self, states: Mapping[Key, CompositeState], decided: Collection[Key] = ()) -> None:
        """Remember. What is at rest is written now and then, and when a new process must know what members said.

        `decided`: rules that decided something on the way, which a new process may not decide again.
        """
        self._is_ahead = True
        self._states.update(states)
        self._write({key: state for key, state in states.items() if key in decided or not self._is_saved(key, state)})

    def forget(self, key: Key) -> None:
        """Drop what a rule remembers of a station."""
        self.conn.execute("delete from composite_state where rule = %s and station = %s", key)
        self._is_ahead = True
        self._states.pop(key, None)
        self._saved.pop(key, None)
        self._unsettled.pop(key, None)

    def settled(self, now: datetime) -> list[tuple[Key, CompositeState, Found]]:
        """Replay settled late readings at their own time; return the alarms that they reveal."""
        keys = [key for key, at in self._unsettled.items() if now - at >= SETTLE]
        found = []
        for key in keys:
            rule, state = self.rule(key), self._states.get(key)
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

    def _load(self) -> None:
        keys = [_key(rule) for rule in self.rules]
        rows = self.conn.execute(LOAD, [[rule for rule, _ in keys], [station for _, station in keys]]) if keys else ()
        self._saved = {(rule, place): msgspec.json.decode(text, type=CompositeState) for rule, place, text in rows}
        """What the database holds."""
        self._states = dict(self._saved)
        self._numbers = {key: number for number, key in enumerate(keys)}
        self._resting = RestingComposites(self.rules, self._ids)
        self._looked_at: set[int] = set()
        """Numbers of the rules of which everything that they have not evaluated was looked at."""

    def _write(self, states: Mapping[Key, CompositeState]) -> None:
        rows = [
            (rule, station, msgspec.json.encode(state).decode(), None if cursor is None else instant(cursor))
            for (rule, station), state in sorted(states.items(), key=lambda item: item[0])
            for cursor in [state.machine.cursor_ms]
        ]
        if rows:
            self.conn.execute(SAVE, [*map(list, zip(*rows, strict=True))])
            self._is_ahead = True
            self._states.update(states)
            self._saved.update(states)

    def _is_saved(self, key: Key, state: CompositeState) -> bool:
        """Whether the saved state will do: from there a new process comes to the same decisions, as early."""
        saved, known_ms = self._saved.get(key), state.known_ms
        if saved is None or not (saved.machine.is_at_rest and state.machine.is_at_rest):
            return False
        if known_ms - saved.known_ms >= SAVED_EVERY_MS:
            return False
        is_told = any(t > max(known_ms, saved.reached.get(name, known_ms)) for name, t in state.reached.items())
        return not (is_told and self._resting.needs(self._numbers[key], known_ms))

    def _state(self, rule: CompositeRule, changed: Mapping[str, list[ReadingWindow]]) -> CompositeState:
        if (known := self._states.get(_key(rule))) is not None:
            return known
        first = min(window.from_ms for channel in rule.channels for window in changed.get(channel, ()))
        return CompositeState(first - rule.rule.interval_ms)

    def _judged_ahead(self, judged: Mapping[int, list[ReadingWindow]]) -> Iterator[tuple[str, list[ReadingWindow]]]:
        """Yield by channel what was judged anew beyond what some rule has evaluated: it is said there anew, too."""
        for id_, windows in judged.items():
            channel = self.channels[id_]
            states = (self._states.get(_key(self.rules[number])) for number in self._of[channel])
            first = min((state.known_ms for state in states if state is not None), default=None)
            ahead = [] if first is None else [window for window in windows if window.to_ms > first]
            if first is not None and ahead:
                yield channel, [replace(window, from_ms=max(window.from_ms, first + 1)) for window in ahead]

    def _look(
        self, states: Mapping[int, CompositeState], changed: Mapping[str, list[ReadingWindow]]
    ) -> tuple[set[int], dict[str, int]]:
        """Look at what is new to rules; return those that must be worked out, and the newest reading by channel."""
        windows: dict[str, ReadingWindow] = {}
        awake, overtaken, known_ms = set[int](), set[int](), np.zeros(len(self.rules), dtype=np.int64)
        for number, state in states.items():
            rule, known, is_new = self.rules[number], state.known_ms, number not in self._looked_at
            known_ms[number] = known
            for channel in rule.channels & self._ids.keys():
                own, reached = changed.get(channel, ()), max(known, state.reached.get(channel, known))
                last = max([window.to_ms for window in own] + [reached] * is_new, default=known)
                first = min((window.from_ms for window in own), default=last)
                if first <= reached and own:
                    awake.add(number)
                    overtaken.add(self._ids[channel])
                first = known + 1 if is_new else max(known + 1, first)
                if first <= last:
                    window = ReadingWindow(self._ids[channel], channel, first, last)
                    windows[channel] = hull([window, windows[channel]]) if channel in windows else window
            if rule.rule.texts.latched or not state.machine.is_at_rest:
                awake.add(number)
        new = read_readings(self.conn, list(windows.values()))
        self._resting.forget(overtaken)
        may_hold = self._resting.may_hold(new, known_ms)
        newest_ms = zip(new.channels.tolist(), new.t_ms[new.edges[1:] - 1].tolist(), strict=True)
        return awake | set(np.flatnonzero(may_hold).tolist()) & states.keys(), {
            self.channels[id_]: t_ms for id_, t_ms in newest_ms
        }

    def _blocks(
        self,
        numbers: Iterable[int],
        states: Mapping[int, CompositeState],
        changed: Mapping[str, list[ReadingWindow]],
    ) -> dict[str, ReadingBlock]:
        """Read of each member what lies beyond what some rule knows, with context, as far as the feed has come."""
        windows: dict[str, ReadingWindow] = {}
        for number in numbers:
            rule, state = self.rules[number], states[number]
            start = state.known_ms - rule.memory_ms
            for channel in rule.channels & self._ids.keys():
                ends = [state.reached.get(channel, state.begun_ms)]
                ends += [window.to_ms for window in changed.get(channel, ())]
                if max(ends) > start:
                    own = ReadingWindow(self._ids[channel], channel, start, max(ends))
                    windows[channel] = hull([own, windows[channel]]) if channel in windows else own
        read = read_blocks(self.conn, list(windows.values()))
        return {channel: read[window.channel_id] for channel, window in windows.items() if window.channel_id in read}

    def _look_back(self, rule: CompositeRule, state: CompositeState) -> Found | None:
        if state.machine.late is None:
            return None
        start, end = period_of(rule.rule, state.machine.late, state.machine.cursor_ms)
        return found_in(rule.rule, None, state.machine, self._replayed(rule, start, end), end)

    def _replayed(self, rule: CompositeRule, start: int, end: int) -> Replay:
        return replay(rule.rule, (self._verdicts(rule, *piece) for piece in pieces(start, end, PIECE_MS)))

    def _verdicts(self, rule: CompositeRule, first: int, last: int) -> ReadingBlock:
        windows = [
            ReadingWindow(self._ids[channel], channel, first - rule.memory_ms, last)
            for channel in sorted(rule.channels & self._ids.keys())
        ]
        read = read_blocks(self.conn, windows)
        blocks = {w.channel: read[w.channel_id].as_timely() for w in windows if w.channel_id in read}
        return verdicts(rule, blocks, first - 1, last)


def _key(rule: CompositeRule) -> Key:
    return rule.rule.rule, rule.station


def rested(rule: CompositeRule, state: CompositeState, newest: Mapping[str, int]) -> CompositeState:
    """Return the state of a rule at rest after readings of its members that cannot wake it, none of them late. Pure.

    `newest`: time of the newest reading by channel.
    """
    reached = dict(state.reached)
    for channel in rule.channels & newest.keys():
        reached[channel] = max(newest[channel], reached.get(channel, newest[channel]))
    until = horizon(rule, reached, state.begun_ms)
    if until is None or until <= state.known_ms:
        return CompositeState(state.begun_ms, state.machine, reached)
    return CompositeState(state.begun_ms, msgspec.structs.replace(state.machine, cursor_ms=until), reached)


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
            if window.from_ms <= known_ms:
                times += [window.from_ms, min(window.to_ms, known_ms)]
        block = blocks.get(member.rule.channel, NOTHING)
        late = block.t_ms[block.is_late(member.rule.interval_ms) & (block.t_ms > known_ms)]
        times += late[[0, -1]].tolist() if len(late) else []
    return (min(times), max(times)) if times else None


def _with_late(state: CompositeState, late: tuple[int, int]) -> CompositeState:
    first, last = state.machine.late or late
    both = (min(first, late[0]), max(last, late[1]))
    return msgspec.structs.replace(state, machine=msgspec.structs.replace(state.machine, late=both))
