"""The evaluator: from the change feed to alarms and queued messages, one transaction a round."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np

from alerts.alarm.change import EndCause
from alerts.alarm.records import clear_alarm
from alerts.alarm.standing_subjects import StandingSubject, standing_subjects
from alerts.evaluating.announcement import EVENTS, Event, announce, figures_now
from alerts.evaluating.composites import Composing
from alerts.evaluating.course import fresh_until
from alerts.evaluating.doubt import Candidate, question, stands_at_rise
from alerts.evaluating.evaluation import RuleState, step
from alerts.evaluating.judged_readings import NotJudgedYet, read_blocks, read_readings
from alerts.evaluating.past import SETTLE, Found, LateReadings, late_of, look_back, record_found, with_late
from alerts.evaluating.reading_window import ReadingWindow
from alerts.evaluating.readings import JUDGES, divided, windows_of, with_context
from alerts.evaluating.resting_rules import RestingRules
from alerts.evaluating.rule_limits import LOOKS_BACK
from alerts.evaluating.rule_memory import Key, RuleMemory
from alerts.evaluating.stored_normals import composites_with_normals, stamp, with_normals
from alerts.evaluating.twin_alarms import TwinAlarms, twins_of
from alerts.evaluating.wrong_clocks import slow_clocks
from alerts.rules.block import LATE_AFTER_MS, ReadingBlock
from alerts.rules.compiler import compile_network
from alerts.rules.composite import CompositeRule, compile_composites
from alerts.rules.rule import ChannelRule, memory_ms
from alerts.telling.address_book import AddressBook
from alerts.telling.messages import Audience, Figures, call_again, tell, tell_withheld
from alerts.telling.routes import Routing
from alerts.telling.summaries import tell_held, tell_late
from quantrac.config.network import Network
from quantrac.database.feed import Cause, Change, Consumer, is_registered
from quantrac.database.pool import Connection
from quantrac.observe import logs

WANTED: Final = frozenset(Cause)

CHANNELS: Final = "select channel_id, channel from channel where channel = any(%s)"
QUALITY_IS_CONFIGURED: Final = """
select exists (select from consumer where consumer = 'quality')
    or exists (select from channel where active and history_tests <> '{}')
"""


log = logs.logger(__name__)


# Of an alarm of twins that ends with its channel: what still holds at the other one rises anew.
TWINS: Final = "select c.channel_id from channel o join channel c using (station, parameter) where o.channel_id = %s"


class Evaluator:
    """Evaluates what the feed brings. The connection is its own, in autocommit."""

    def __init__(
        self,
        conn: Connection,
        rules: Mapping[str, Sequence[ChannelRule]],
        routing: Routing,
        clock: Callable[[], datetime],
        composites: Sequence[CompositeRule] = (),
    ) -> None:
        self._conn = conn
        self._as_written = rules, composites
        self._normals_at = stamp(conn)
        self._rules = with_normals(conn, rules)
        self._twins = twins_of(rules)
        self._composing = Composing(conn, composites_with_normals(conn, composites))
        self._routing = routing
        self._clock = clock
        self._channels: dict[int, str] = {}
        self._stations: dict[int, str] = {}
        self._memory = RuleMemory(conn)
        self._unsettled = dict.fromkeys(self._memory.unsettled(), clock())
        """Rules and channels that remember late readings, and when the last of these came."""
        self._learn_network()

    @classmethod
    def of(
        cls, conn: Connection, network: Network, clock: Callable[[], datetime], own_rules: Iterable[str]
    ) -> Evaluator:
        """Return the evaluator of a network's rules, after ending the alarms that none of them watches any more."""
        rules, composites = compile_network(network), compile_composites(network)
        evaluator = cls(conn, rules, Routing.of(network), clock, composites)
        evaluator.close_orphans(own_rules)
        log.info("evaluation_started", rules=len(network.rules), channels=len(rules))
        return evaluator

    def round(self) -> list[Change]:
        """Evaluate the next changes of the feed and return them; none: nothing to do, or quality is awaited."""
        changes = self._consumer.take()
        if any(change.cause is Cause.CONFIGURATION for change in changes):
            self._learn_network()
            changes = self._consumer.take()
        if not changes:
            return []
        try:
            events = self._commit(changes)
        except NotJudgedYet:
            return []
        for event in events:
            log.info(
                "alarm_changed", rule=event.rule.rule, channel=event.rule.channel, change=event.decision.kind.value
            )
        return changes

    def _commit(self, changes: Sequence[Change]) -> list[Event]:
        """State, history, outbox and position of these changes in one transaction."""
        judged_anew = {id_ for change in changes if change.cause is not Cause.READING for id_ in change.channels}
        self._resting.forget(judged_anew)
        self._composing.look_again(judged_anew)
        with self._transaction():
            for change, ahead_ms in slow_clocks(self._conn, changes):
                self._memory.shift(change.channels, change.from_t, change.to_t, -ahead_ms)
                self._composing.shift(change.station, change.from_t, change.to_t, -ahead_ms)
            windows = windows_of(self._conn, changes, self._channels | self._composing.channels)
            states, cursors, events = self._evaluate({id_: windows[id_] for id_ in windows if id_ in self._channels})
            judged = windows_of(self._conn, changes, self._composing.channels, JUDGES)
            composed, decided = self._composing.evaluate(windows, judged, self._clock())
            events += [Event(rule.rule, None, decision) for rule, decision in decided]
            events.sort(key=lambda event: event.decision.rank)
            book = AddressBook(self._conn)
            alarms = self._twin_alarms()
            for event in events:
                if (joined := alarms.joined(event)) is not None:
                    announce(self._conn, joined, self._routing, self._clock(), book)
            self._remember(states, cursors)
            self._composing.save(composed, {(rule.rule.rule, rule.station) for rule, _ in decided})
            self._question(changes)
            self._consumer.advance(changes[-1].id)
        return events

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._composing.in_step(), self._memory.transaction():
            yield

    def _question(self, changes: Sequence[Change]) -> None:
        """Mark alarms that flags and corrections put in doubt, and tell whoever was told of them."""
        now = self._clock()
        for doubted, change in question(self._conn, changes, self._still_rises, now):
            EVENTS.labels(change.purpose.value).inc()
            channel = self._channels.get(doubted.channel_id or 0, "")
            if doubted.is_news(now):
                tell(self._conn, change, Audience(doubted.station, (), self._routing), Figures(channel=channel), now)

    def _still_rises(self, doubted: Candidate) -> bool:
        if doubted.channel_id is None:
            return self._composing.stands_at((doubted.rule, doubted.station), doubted.raised_at)
        own = self._rules.get(self._channels.get(doubted.channel_id, ""), ())
        rule = next((rule for rule in own if rule.rule == doubted.rule), None)
        return rule is None or stands_at_rise(self._conn, rule, doubted.channel_id, doubted.raised_at)

    def close_orphans(self, own_rules: Iterable[str]) -> int:
        """End the alarms whose rule watches their channel no more, and return how many.

        `own_rules` are rules that are not evaluated here, such as the silence of a station.
        """
        watched = {(rule.rule, rule.channel) for rules in self._rules.values() for rule in rules}
        watched |= {(rule.rule.rule, rule.station) for rule in self._composing.rules}
        kept = set(own_rules)
        orphans = [
            one
            for one in standing_subjects(self._conn)
            if one.subject.rule not in kept and (one.subject.rule, one.channel or one.subject.station) not in watched
        ]
        now = self._clock()
        with self._transaction():
            for one in orphans:
                self._close_orphan(one, now)
        return len(orphans)

    @property
    def has_more(self) -> bool:
        """Whether the last round left changes for the next one."""
        return self._consumer.has_more

    def wait(self, timeout_s: float) -> None:
        """Wait until somebody appends to the feed, at most so long."""
        self._consumer.wait(timeout_s)

    def _learn_network(self) -> None:
        """Learn the ids of the watched channels, and follow quality where it has something to say."""
        found = self._conn.execute(CHANNELS, [list(self._rules)])
        self._channels = dict(found.fetchall())
        self._stations = {id_: channel.partition("/")[0] for id_, channel in self._channels.items()}
        self._composing.learn(self._clock())
        self._learn_rules()
        start = 0 if is_registered(self._conn, "alerts") else self._head_of_the_past()
        after = "quality" if self._conn.execute(QUALITY_IS_CONFIGURED).fetchone() == (True,) else None
        self._consumer = Consumer(self._conn, "alerts", WANTED, after=after, start=start)

    def _learn_rules(self) -> None:
        self._resting = RestingRules({id_: self._rules[channel] for id_, channel in self._channels.items()})
        every = [rule for own in self._rules.values() for rule in own]
        self._kept = frozenset(rule.rule for rule in every if rule.texts.latched)
        """Rules whose alarms stand on without them: since when no reading counts must be known."""
        self._looking_back = frozenset(rule.rule for rule in every if rule.measure.kind in LOOKS_BACK)

    def take_normals(self) -> None:
        """Take what `rules normals` has made since it was last asked."""
        made_at = stamp(self._conn)
        if made_at != self._normals_at:
            rules, composites = self._as_written
            self._normals_at, self._rules = made_at, with_normals(self._conn, rules)
            self._composing.rules = composites_with_normals(self._conn, composites)
            self._composing.learn(self._clock())
            self._learn_rules()

    def _head_of_the_past(self) -> int:
        """Return the newest change too old to be told as present: a new consumer begins behind it."""
        too_old = self._clock() - timedelta(milliseconds=LATE_AFTER_MS)
        row = self._conn.execute("select coalesce(max(id), 0) from change where at < %s", [too_old]).fetchone()
        return 0 if row is None else int(row[0])

    def tell_what_is_due(self) -> None:
        """Tell what has waited for its time: summaries, what was withheld, calls for somebody to acknowledge."""
        self.tell_summaries()
        tell_withheld(self._conn, self._routing, self._clock())
        call_again(self._conn, self._routing, self._clock())

    def tell_summaries(self) -> int:
        """Tell what a storm held back, and alarms that settled late readings bring to light; return how many."""
        now = self._clock()
        settled = [key for key, at in self._unsettled.items() if now - at >= SETTLE]
        with self._transaction():
            done = [key for key in settled if self._look_back(key, now)]
            composed = self._composing.settled(now)
            for _, _, past in composed:
                self._bring_to_light(past, now)
            self._composing.save({key: state for key, state, _ in composed})
            told = tell_late(self._conn, self._routing, now) if done or composed else 0
        for key in done:
            del self._unsettled[key]
        return told + tell_held(self._conn, self._routing.zone, now)

    def _look_back(self, key: Key, now: datetime) -> bool:
        """Put the late readings that a rule remembers back into their own time; False: quality is awaited."""
        rule = next((rule for rule in self._rules.get(self._channels.get(key[1], ""), ()) if rule.rule == key[0]), None)
        try:
            past = None if rule is None else look_back(self._conn, rule, key[1], self._memory.state(rule.station, key))
        except NotJudgedYet:
            return False
        if past is not None:
            self._bring_to_light(past, now)
            self._memory.save({key: past.after}, self._kept)
        return True

    def _bring_to_light(self, past: Found, now: datetime) -> None:
        """Record the alarms of the past that late readings make, and one that still holds as of now."""
        if new := record_found(self._conn, past, now):
            EVENTS.labels("late").inc(new)
        if past.raised is not None:
            event = self._twin_alarms().joined(Event(past.rule, past.channel_id, past.raised))
            if event is not None:
                announce(self._conn, event, self._routing, now)

    def _twin_alarms(self) -> TwinAlarms:
        return TwinAlarms(
            self._conn, self._memory, self._twins, {channel: id_ for id_, channel in self._channels.items()}
        )

    def _evaluate(
        self, windows: Mapping[int, list[ReadingWindow]]
    ) -> tuple[dict[Key, RuleState], dict[int, int], list[Event]]:
        """Run the rules of the changed channels that their readings may wake.

        Returns the states of the rules that were run, the channels' cursors, and what the rules decide.
        """
        ahead, behind = divided(windows, {id_: self._memory.cursor_ms(self._stations[id_], id_) for id_ in windows})
        new, old = read_readings(self._conn, ahead), read_blocks(self._conn, behind)
        woken = self._resting.woken(new, *self._stirring())
        ids = new.channels.tolist()
        widest = self._with_context(ahead, [ids[place] for place in np.flatnonzero(woken.looking_back)])
        states, cursors = dict[Key, RuleState](), dict(zip(ids, woken.newest_ms.tolist(), strict=True))
        events: list[Event] = []
        for place in np.flatnonzero(woken.at_once | woken.looking_back).tolist():
            id_, own = ids[place], self._rules[self._channels[ids[place]]]
            block = new.block(place)
            if woken.at_once[place]:
                events += self._run([rule for rule in own if rule.measure.kind not in LOOKS_BACK], id_, block, states)
            if woken.looking_back[place]:
                block = widest[id_]
                events += self._run([rule for rule in own if rule.measure.kind in LOOKS_BACK], id_, block, states)
                self._resting.learn(own, id_, block)
            if (newest := fresh_until(block, own[0].interval_ms)) is None:
                del cursors[id_]
            else:
                cursors[id_] = newest
            self._remember_late(late_of(own, id_, block, all_late=False), states, cursors)
        for id_, block in old.items():
            late = late_of(self._rules[self._channels[id_]], id_, block, all_late=True)
            self._remember_late(late, states, cursors)
        return states, cursors, events

    def _run(
        self, rules: Iterable[ChannelRule], id_: int, block: ReadingBlock, states: dict[Key, RuleState]
    ) -> Iterator[Event]:
        for rule in rules:
            outcome = step(rule, self._memory.state(rule.station, (rule.rule, id_)), block)
            states[rule.rule, id_] = outcome.state
            yield from (Event(rule, id_, decision) for decision in outcome.decisions)

    def _with_context(self, ahead: Sequence[ReadingWindow], channels: Iterable[int]) -> dict[int, ReadingBlock]:
        """Read again what lies ahead of some channels, with what their rules look back."""
        wanted = set(channels)
        found: dict[int, list[ReadingWindow]] = {}
        for window in ahead:
            if window.channel_id in wanted:
                found.setdefault(window.channel_id, []).append(window)
        widened = [wide for own in found.values() for wide in with_context(own, memory_ms(self._rules[own[0].channel]))]
        return read_blocks(self._conn, widened)

    def _stirring(self) -> tuple[set[int], set[int]]:
        """Return the channels with a rule that is not at rest, and those with one that looks back."""
        at_once, looking_back = set[int](), set[int]()
        for rule, id_ in self._memory.not_at_rest():
            (looking_back if rule in self._looking_back else at_once).add(id_)
        return at_once, looking_back

    def _remember(self, states: Mapping[Key, RuleState], cursors: Mapping[int, int]) -> None:
        """Save what rules remember, and how far their channels have come."""
        by_station: dict[str, dict[int, int]] = {}
        for id_, cursor_ms in cursors.items():
            station = self._stations[id_]
            if cursor_ms != self._memory.cursor_ms(station, id_):
                by_station.setdefault(station, {})[id_] = cursor_ms
        self._memory.move(by_station)
        self._memory.save(states, self._kept)

    def _remember_late(
        self, late: LateReadings | None, states: dict[Key, RuleState], cursors: Mapping[int, int]
    ) -> None:
        if late is None:
            return
        now, id_ = self._clock(), late.channel_id
        for rule in late.rules:
            key = (rule.rule, id_)
            state = states.get(key) or self._memory.state(rule.station, key)
            state = msgspec.structs.replace(state, cursor_ms=cursors.get(id_, state.cursor_ms))
            states[key] = with_late(state, late)
            self._unsettled[key] = now
        for key in self._unsettled:
            if key[1] == late.channel_id:
                self._unsettled[key] = now

    def _close_orphan(self, alarm: StandingSubject, now: datetime) -> None:
        known = {rule.rule for rules in self._rules.values() for rule in rules}
        known |= {rule.rule.rule for rule in self._composing.rules}
        subject = alarm.subject
        cause = alarm.inactive or (EndCause.UNWATCHED if subject.rule in known else EndCause.RULE_REMOVED)
        change = clear_alarm(self._conn, subject, None, now, now, cause)
        twins = self._conn.execute(TWINS, [subject.channel_id]).fetchall()
        self._memory.forget([(subject.rule, id_) for (id_,) in twins])
        if subject.station is not None and subject.channel_id is None:
            self._composing.forget((subject.rule, subject.station))
        if change is not None:
            figures = figures_now(self._conn, change, alarm.channel)
            tell(self._conn, change, Audience(subject.station, (), self._routing), figures, now)
