"""From the change feed to alarms and queued messages: one round is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from alerts.evaluation import Decision, Kind, RuleState, step
from alerts.readings import (
    Key,
    Window,
    hour_before,
    instant,
    load_states,
    read_blocks,
    save_states,
    windows_of,
)
from alerts.records import Mark, Recorded, Subject, change_level, clear_alarm, raise_alarm, standing_subjects
from alerts.routing import Routing
from alerts.rule import ChannelRule
from alerts.telling import Addressees, Measured, tell
from alerts.trend import trend_of
from quantrac.database.feed import Cause, Change, Consumer
from quantrac.database.pool import Connection
from quantrac.observe import logs, metrics

CHANGES_A_ROUND: Final = 1000

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
        self._learn_network()

    def round(self) -> list[Change]:
        """Evaluate the next changes of the feed and return them; none: there was nothing to do."""
        changes = self._consumer.take(CHANGES_A_ROUND)
        if any(change.cause is Cause.CONFIGURATION for change in changes):
            self._learn_network()
            changes = self._consumer.take(CHANGES_A_ROUND)
        if not changes:
            return []
        with self._conn.transaction():
            states, events = self._evaluate(windows_of(changes, self._channels))
            for event in events:
                self._record(event, self._clock())
            save_states(self._conn, states)
            self._consumer.advance(changes[-1].id)
        for event in events:
            log.info("alarm", rule=event.rule.rule, channel=event.rule.channel, change=event.decision.kind.value)
        return changes

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
        after = "quality" if self._conn.execute(QUALITY_IS_CONFIGURED).fetchone() == (True,) else None
        self._consumer = Consumer(self._conn, "alerts", {Cause.READING, Cause.CONFIGURATION}, after=after)

    def _evaluate(self, windows: Mapping[int, Window]) -> tuple[dict[Key, RuleState], list[Event]]:
        """Run the rules of the changed channels; return their new states and what they decide, in order of time."""
        keys = {(rule.rule, id_): rule for id_, window in windows.items() for rule in self._rules[window.channel]}
        states = load_states(self._conn, keys)
        blocks = read_blocks(self._conn, list(_ahead(windows, states).values()))
        moved: dict[Key, RuleState] = {}
        events: list[Event] = []
        for key, rule in keys.items():
            if (block := blocks.get(key[1])) is not None:
                outcome = step(rule, states[key], block)
                moved[key] = outcome.state
                events += [Event(rule, key[1], decision) for decision in outcome.decisions]
        return moved, sorted(events, key=lambda event: event.decision.t_ms)

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
        change = clear_alarm(self._conn, subject, None, now, now, reason="the rule no longer watches this channel")
        self._conn.execute(
            "delete from rule_state where rule = %s and channel_id = %s", [subject.rule, subject.channel_id]
        )
        if change is not None:
            tell(self._conn, change, Addressees(subject.station, (), self._routing), Measured(), now)


def _ahead(windows: Mapping[int, Window], states: Mapping[Key, RuleState]) -> dict[int, Window]:
    """Return what of the windows lies beyond the cursor of some rule: nothing behind all of them can change anything.

    A backfill of days, read again with every live reading, would otherwise hold up what is happening now.
    """
    behind: dict[int, int] = {}
    for (_, channel_id), state in states.items():
        cursor_ms = -1 if state.cursor_ms is None else state.cursor_ms
        behind[channel_id] = min(cursor_ms, behind.get(channel_id, cursor_ms))
    cut = {id_: replace(w, from_t=max(w.from_t, instant(behind[id_] + 1))) for id_, w in windows.items()}
    return {id_: window for id_, window in cut.items() if window.from_t <= window.to_t}


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
