"""From the change feed to alarms and queued messages: one round is one transaction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

from alerts.evaluating.block import LATE_AFTER_MS
from alerts.evaluating.evaluation import Decision, Kind, RuleState, step
from alerts.evaluating.past import SETTLE, LateReadings, late_of, look_back, record_found, with_late
from alerts.evaluating.readings import (
    Key,
    NotJudgedYet,
    Window,
    hour_before,
    hull,
    instant,
    load_states,
    milliseconds,
    read_blocks,
    save_states,
    unsettled,
    windows_of,
)
from alerts.evaluating.records import Mark, Recorded, Subject, change_level, clear_alarm, raise_alarm, standing_subjects
from alerts.evaluating.trend import trend_of
from alerts.rules.rule import ChannelRule
from alerts.rules.rule import Kind as Measures
from alerts.telling.messages import Addressees, Measured, tell
from alerts.telling.routing import Routing
from alerts.telling.summaries import tell_held, tell_late
from quantrac.database.feed import Cause, Change, Consumer, is_registered
from quantrac.database.pool import Connection
from quantrac.observe import logs, metrics

CHANGES_A_ROUND: Final = 1000
READINGS_A_ROUND: Final = 200_000
"""Many channels may have as many readings again as context."""

CHANNELS: Final = "select channel_id, channel from channel where channel = any(%s)"
QUALITY_IS_CONFIGURED: Final = """
select exists (select from consumer where consumer = 'quality')
    or exists (select from channel where active and history_tests <> '{}')
"""

EVENTS = metrics.counter("quantrac_alerts_events_total", "Changes of alarms recorded.", ["event"])

log = logs.logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """A decision and what it is about."""

    rule: ChannelRule
    channel_id: int
    decision: Decision

    @property
    def subject(self) -> Subject:
        """The alarm's key."""
        return Subject(self.rule.rule, self.rule.station, self.channel_id)


class Evaluator:
    """Evaluates what the feed brings. The connection is its own, in autocommit."""

    def __init__(
        self,
        conn: Connection,
        rules: Mapping[str, Sequence[ChannelRule]],
        routing: Routing,
        clock: Callable[[], datetime],
    ) -> None:
        self._conn = conn
        self._rules = rules
        self._routing = routing
        self._clock = clock
        self._channels: dict[int, str] = {}
        self._unsettled = dict.fromkeys(unsettled(conn), clock())
        """Rules and channels that remember late readings, and when the last of these came."""
        self._learn_network()

    def round(self) -> list[Change]:
        """Evaluate the next changes of the feed and return them; none: nothing to do, or quality is awaited."""
        changes = self._take()
        if any(change.cause is Cause.CONFIGURATION for change in changes):
            self._learn_network()
            changes = self._take()
        if not changes:
            return []
        try:
            events = self._commit(changes)
        except NotJudgedYet:
            return []
        for event in events:
            log.info("alarm", rule=event.rule.rule, channel=event.rule.channel, change=event.decision.kind.value)
        return changes

    def _commit(self, changes: Sequence[Change]) -> list[Event]:
        """State, history, outbox and position of these changes in one transaction."""
        with self._conn.transaction():
            states, events = self._evaluate(windows_of(changes, self._channels))
            for event in events:
                self._record(event, self._clock())
            save_states(self._conn, states)
            self._consumer.advance(changes[-1].id)
        return events

    def close_orphans(self, own_rules: Iterable[str]) -> int:
        """End the alarms whose rule watches their channel no more, and return how many.

        `own_rules` are rules that are not evaluated here, such as the silence of a station.
        """
        watched = {(rule.rule, rule.channel) for rules in self._rules.values() for rule in rules}
        kept = set(own_rules)
        orphans = [
            subject
            for subject, channel in standing_subjects(self._conn)
            if subject.rule not in kept and (subject.rule, channel) not in watched
        ]
        now = self._clock()
        with self._conn.transaction():
            for subject in orphans:
                self._close_orphan(subject, now)
        return len(orphans)

    def wait(self, timeout_s: float) -> None:
        """Wait until somebody appends to the feed, at most so long."""
        self._consumer.wait(timeout_s)

    def _learn_network(self) -> None:
        """Learn the ids of the watched channels, and follow quality where it has something to say."""
        found = self._conn.execute(CHANNELS, [list(self._rules)])
        self._channels = dict(found.fetchall())
        start = 0 if is_registered(self._conn, "alerts") else self._head_of_the_past()
        after = "quality" if self._conn.execute(QUALITY_IS_CONFIGURED).fetchone() == (True,) else None
        self._consumer = Consumer(self._conn, "alerts", {Cause.READING, Cause.CONFIGURATION}, after=after, start=start)

    def _head_of_the_past(self) -> int:
        """Return the newest change that is too old to tell of as now: a consumer that is new begins behind it."""
        too_old = self._clock() - timedelta(milliseconds=LATE_AFTER_MS)
        row = self._conn.execute("select coalesce(max(id), 0) from change where at < %s", [too_old]).fetchone()
        return 0 if row is None else int(row[0])

    def tell_summaries(self) -> int:
        """Tell what a storm held back, and alarms that settled late readings bring to light; return how many."""
        now = self._clock()
        settled = [key for key, at in self._unsettled.items() if now - at >= SETTLE]
        with self._conn.transaction():
            done = [key for key in settled if self._look_back(key, now)]
            told = tell_late(self._conn, self._routing, now) if done else 0
        for key in done:
            del self._unsettled[key]
        return told + tell_held(self._conn, self._routing, now)

    def _look_back(self, key: Key, now: datetime) -> bool:
        """Put the late readings that a rule remembers back into their own time; False: quality is awaited."""
        rule = next((rule for rule in self._rules.get(self._channels.get(key[1], ""), ()) if rule.rule == key[0]), None)
        state = load_states(self._conn, [key])[key]
        try:
            past = None if rule is None else look_back(self._conn, rule, key[1], state)
        except NotJudgedYet:
            return False
        if past is None:
            return True
        if new := record_found(self._conn, past, now):
            EVENTS.labels("late").inc(new)
        if past.raised is not None:
            self._record(Event(past.rule, past.channel_id, past.raised), now)
        save_states(self._conn, {key: past.after})
        return True

    def _take(self) -> list[Change]:
        """Return the next changes, no more than a round's worth of readings."""
        changes = self._consumer.take(CHANGES_A_ROUND)
        total = list(accumulate(change.rows for change in changes))
        return changes[: max(1, bisect_right(total, READINGS_A_ROUND))]

    def _evaluate(self, windows: Mapping[int, list[Window]]) -> tuple[dict[Key, RuleState], list[Event]]:
        """Run the rules of the changed channels; return their new states and what they decide, in order of time."""
        rules = {id_: self._rules[self._channels[id_]] for id_ in windows}
        states = load_states(self._conn, [(rule.rule, id_) for id_, own in rules.items() for rule in own])
        ahead, behind = _divided(windows, rules, states)
        blocks, old = read_blocks(self._conn, ahead), read_blocks(self._conn, behind)
        events: list[Event] = []
        for id_, block in blocks.items():
            for rule in rules[id_]:
                outcome = step(rule, states[rule.rule, id_], block)
                states[rule.rule, id_] = outcome.state
                events += [Event(rule, id_, decision) for decision in outcome.decisions]
            self._remember_late(late_of(rules[id_], id_, block, all_late=False), states)
        for id_, block in old.items():
            self._remember_late(late_of(rules[id_], id_, block, all_late=True), states)
        return states, sorted(events, key=lambda event: event.decision.t_ms)

    def _remember_late(self, late: LateReadings | None, states: dict[Key, RuleState]) -> None:
        if late is None:
            return
        now = self._clock()
        for rule in late.rules:
            key = (rule.rule, late.channel_id)
            states[key] = with_late(states[key], late)
            self._unsettled[key] = now
        for key in self._unsettled:
            if key[1] == late.channel_id:
                self._unsettled[key] = now

    def _record(self, event: Event, now: datetime) -> None:
        change = _recorded(self._conn, event, now)
        if change is None:
            return
        EVENTS.labels(change.purpose.value).inc()
        level = event.decision.level
        addressees = Addressees(
            station=event.rule.station,
            groups=() if level is None else level.to,
            routing=self._routing,
            breaks_quiet_hours=level is not None and level.breaks_quiet_hours,
        )
        tell(self._conn, change, addressees, self._measured(event), now)

    def _measured(self, event: Event) -> Measured:
        rule, decision = event.rule, event.decision
        if rule.measure.kind is Measures.STATE:
            return Measured(channel=rule.channel)
        level = decision.level
        time = instant(decision.t_ms)
        return Measured(
            channel=rule.channel,
            unit=rule.unit,
            decimals=rule.decimals,
            value=decision.value,
            limit=None if level is None else level.limit,
            side=None if level is None else level.side,
            trend=lambda: trend_of(hour_before(self._conn, rule.channel, time), rule.decimals),
        )

    def _close_orphan(self, subject: Subject, now: datetime) -> None:
        is_known = any(rule.rule == subject.rule for rules in self._rules.values() for rule in rules)
        reason = "the rule no longer watches this channel" if is_known else "the rule was removed"
        change = clear_alarm(self._conn, subject, None, now, now, reason=reason)
        self._conn.execute(
            "delete from rule_state where rule = %s and channel_id = %s", [subject.rule, subject.channel_id]
        )
        if change is not None:
            tell(self._conn, change, Addressees(subject.station, (), self._routing), Measured(), now)


def _divided(
    windows: Mapping[int, list[Window]],
    rules: Mapping[int, Sequence[ChannelRule]],
    states: Mapping[Key, RuleState],
) -> tuple[list[Window], list[Window]]:
    """Return what lies beyond the cursor of some rule of its channel, with context, and what lies behind all of them.

    A backfill of days, read again with every live reading, would otherwise hold up what is happening now.
    """
    ahead: list[Window] = []
    behind: list[Window] = []
    for id_, found in windows.items():
        known_ms = min(states[rule.rule, id_].cursor_ms or -1 for rule in rules[id_])
        known = instant(known_ms)
        if (old := hull(window for window in found if window.to_t <= known)) is not None:
            behind.append(old)
        if (new := hull(window for window in found if window.to_t > known)) is not None:
            ahead.append(_with_context(replace(new, from_t=max(new.from_t, instant(known_ms + 1))), rules[id_]))
    return ahead, behind


def _with_context(window: Window, rules: Sequence[ChannelRule]) -> Window:
    """Widen a window by what rules of its channel look back."""
    memory = max(rule.measure.window_ms for rule in rules)
    if not memory:
        return window
    start = window.from_t
    return replace(window, from_t=start - timedelta(milliseconds=memory), start_ms=milliseconds(start))


def _recorded(conn: Connection, event: Event, now: datetime) -> Recorded | None:
    """Put a decision into the history; pending and subsided are no history."""
    decision, level, time = event.decision, event.decision.level, instant(event.decision.t_ms)
    if decision.kind is Kind.CLEARED:
        return clear_alarm(conn, event.subject, decision.value, time, now)
    if level is None or decision.kind not in (Kind.RAISED, Kind.LEVEL):
        return None
    mark = Mark(level.name, level.severity, decision.value, level.limit)
    stands_already = change_level(conn, event.subject, mark, time, now)
    return stands_already or raise_alarm(conn, event.subject, mark, time, event.rule.texts, now)
