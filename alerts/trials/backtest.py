"""Back-test: runs rules over stored readings; the alarms and messages that they would have made. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from alerts.alarm.change import Purpose
from alerts.evaluating.composite import verdicts
from alerts.evaluating.evaluation import Decision, DecisionKind, RuleState, step
from alerts.evaluating.late import episodes
from alerts.evaluating.reading_window import milliseconds
from alerts.evaluating.twins import story_of, told_as_one
from alerts.rules.block import ReadingBlock
from alerts.rules.composite import CompositeRule
from alerts.rules.rule import ChannelRule
from alerts.telling.contact import Addressee, Recipient
from alerts.telling.routes import Routing
from alerts.telling.stages import Matter, recipients
from quantrac.config.notifications import EscalationStep
from quantrac.config.rules import Level, Side
from quantrac.telemetry.severity import Severity


@dataclass(frozen=True, slots=True)
class PastAlarm:
    """An alarm that a rule would have raised."""

    rule: str
    channel: str
    """`<station>/<name>`, of twins where it rose; of a composite rule the station alone."""
    level: str
    severity: Severity
    raised_ms: int
    cleared_ms: int | None
    """None: it stands at the end."""
    value: float | None
    """At its worst level; None: on record without one."""
    story: str | None = None
    """What the channel measures, where others that measure it tell of the same."""

    @property
    def about(self) -> tuple[str, str]:
        """What at most one alarm stands about at a time: rule, and channel or station."""
        return self.rule, self.channel if self.story is None else self.station

    @property
    def station(self) -> str:
        """The station of the channel."""
        return self.channel.partition("/")[0]


class PastTelling(NamedTuple):
    """A moment at which people would have got a message, had nobody acknowledged."""

    t_ms: int
    to: Sequence[Recipient]


@dataclass(frozen=True, slots=True)
class RuleHistory:
    """What one rule would have done on one channel, or on the twins of a station."""

    alarms: tuple[PastAlarm, ...]
    told: tuple[PastTelling, ...]


class Run:
    """The rules of one channel, fed with its readings block by block."""

    def __init__(self, rules: Sequence[ChannelRule]) -> None:
        self._rules = rules
        self._states = [RuleState() for _ in rules]
        self._decisions: list[list[Decision]] = [[] for _ in rules]
        self._tail: ReadingBlock | None = None
        self.alarms_so_far = 0

    def take(self, block: ReadingBlock) -> int:
        """Evaluate the next block and return how many alarms rose; rules that look back see the one before, too."""
        seen = block if self._tail is None else self._tail.followed_by(block)
        risen = 0
        for i, rule in enumerate(self._rules):
            outcome = step(rule, self._states[i], seen if rule.measure.window_ms else block)
            self._states[i] = outcome.state
            self._decisions[i] += outcome.decisions
            risen += sum(decision.kind is DecisionKind.RAISED for decision in outcome.decisions)
        memory = max((rule.measure.window_ms for rule in self._rules), default=0)
        self._tail = seen.since(int(block.t_ms[-1]) - memory) if memory else None
        self.alarms_so_far += risen
        return risen

    @property
    def rules(self) -> Sequence[ChannelRule]:
        """The rules."""
        return self._rules

    def decisions(self) -> list[tuple[ChannelRule, list[Decision]]]:
        """Return what each rule has decided so far."""
        return list(zip(self._rules, self._decisions, strict=True))


class CompositeRun:
    """A composite rule, fed with the readings of its members stretch by stretch."""

    def __init__(self, composite: CompositeRule) -> None:
        self._composite = composite
        self._run = Run([composite.rule])
        self._tails: dict[str, ReadingBlock] = {}

    def take(self, blocks: Mapping[str, ReadingBlock], from_ms: int, until_ms: int) -> int:
        """Evaluate from_ms < t <= until_ms and return how many alarms rose.

        What the members look back for is kept from the stretches before.
        """
        seen = {channel: _joined(self._tails.get(channel), blocks.get(channel)) for channel in self._composite.channels}
        own = {channel: block for channel, block in seen.items() if block is not None}
        risen = self._run.take(verdicts(self._composite, own, from_ms, until_ms))
        self._tails = {channel: block.since(until_ms - self._composite.memory_ms) for channel, block in own.items()}
        return risen

    def decisions(self) -> list[tuple[ChannelRule, list[Decision]]]:
        """Return what the rule has decided so far."""
        return self._run.decisions()


def histories(
    made: Iterable[tuple[ChannelRule, Sequence[Decision]]],
    contacts: Sequence[Addressee],
    routing: Routing,
    end_ms: int,
) -> Iterator[RuleHistory]:
    """Yield the alarms that the rules' decisions until `end_ms` make; twins share one history."""
    whom = _Whom(contacts, routing)
    told: dict[object, list[tuple[ChannelRule, Sequence[Decision]]]] = defaultdict(list)
    for rule, decisions in made:
        told[story_of(rule) or (rule.rule, rule.channel)].append((rule, decisions))
    for twins in told.values():
        course = list(told_as_one(twins))
        yield RuleHistory(tuple(_alarms(course)), tuple(_tellings(course, whom, end_ms)))


def _joined(before: ReadingBlock | None, now: ReadingBlock | None) -> ReadingBlock | None:
    if before is None or not len(before):
        return now
    return before if now is None else replace(before.followed_by(now), start_ms=None)


def _alarms(course: Sequence[tuple[ChannelRule, Decision]]) -> Iterable[PastAlarm]:
    rose = {decision.t_ms: rule for rule, decision in course if decision.kind is DecisionKind.RAISED}
    for one in episodes([decision for _, decision in course]):
        rule = rose[one.raised_ms]
        yield PastAlarm(
            rule.rule, rule.channel, one.level.name, one.level.severity, one.raised_ms, one.cleared_ms, one.value,
            rule.story,
        )  # fmt: skip


class _Whom:
    """Finds the recipients of each matter once: there may be thousands of contacts."""

    def __init__(self, contacts: Sequence[Addressee], routing: Routing) -> None:
        self._contacts, self.routing = contacts, routing
        self._known: dict[Matter, list[Recipient]] = {}

    def of(self, rule: ChannelRule, level: Level, step: EscalationStep | None = None) -> list[Recipient]:
        """Return who is told that a level is reached, or whom a step of escalation calls because of it."""
        groups, by = (level.to, None) if step is None else (step.to, step.by)
        purpose = Purpose.RAISED if step is None else Purpose.ESCALATED
        matter = Matter(
            purpose, rule.station, level.severity, frozenset(groups), rule.parameter or None,
            breaks=step is not None, by=by,
        )  # fmt: skip
        if matter not in self._known:
            self._known[matter] = recipients(self.routing, self._contacts, matter)
        return self._known[matter]


def _tellings(course: Sequence[tuple[ChannelRule, Decision]], whom: _Whom, end_ms: int) -> Iterable[PastTelling]:
    """Follow `alerts.telling.messages` where nobody acknowledges.

    A rise, each level worse than any before, the steps of escalation and reminders meanwhile but for lulls, and the end
    to whoever was told. Of an alarm with lulls also the worst level each time it is reached, the first on another side,
    and others once a lull.
    """
    told: set[Recipient] = set()
    sides: set[Side] = set()
    stands: tuple[ChannelRule, Level] | None = None
    worst = since_ms = done_ms = told_ms = 0
    for made in (*course, None):
        until_ms = end_ms if made is None else made[1].t_ms
        if stands is not None and not stands[1].is_lull:
            for t_ms, step in _calls(whom.routing, stands[1].severity, since_ms, done_ms, until_ms):
                people = list(told) if step is None else whom.of(*stands, step)
                told |= set(people)
                yield PastTelling(t_ms, people)
        done_ms = until_ms
        if made is None:
            continue
        rule, decision = made
        if decision.kind is DecisionKind.CLEARED:
            ends = [one for one in told if whom.routing.wants_the_end(one.contact, one.medium, Severity(worst))]
            yield PastTelling(decision.t_ms, ends)
            told, stands, worst, sides = set(), None, 0, set()
        elif decision.level is not None:
            level, before = decision.level, None if stands is None else stands[1]
            if before is None or (before.is_lull and not level.is_lull):
                since_ms = decision.t_ms
            stands = rule, level
            since_told_ms = None if level.side not in sides else decision.t_ms - told_ms
            sides.add(level.side)
            if level.severity > worst or _is_told_again(rule, before, since_told_ms, level):
                worst, told_ms = max(worst, level.severity), decision.t_ms
                people = whom.of(rule, level)
                told |= set(people)
                yield PastTelling(decision.t_ms, people)


def _is_told_again(rule: ChannelRule, before: Level | None, since_told_ms: int | None, level: Level) -> bool:
    """Tell whether a level that an alarm reaches again is told again, as `alerts.alarm.records` does.

    `since_told_ms` is None for a level on another side than all before.
    """
    if not rule.lull_ms or level.is_lull or before is None:
        return False
    if not before.is_lull and level.severity <= before.severity:
        return False
    return level.severity is Severity.CRITICAL or since_told_ms is None or since_told_ms >= rule.lull_ms


def _calls(
    routing: Routing, severity: Severity, since_ms: int, after_ms: int, until_ms: int
) -> Iterator[tuple[int, EscalationStep | None]]:
    """Yield the calls after_ms < t <= until_ms about an alarm that nobody acknowledges; None: a reminder."""
    for call in routing.calls(severity, datetime.fromtimestamp(since_ms / 1000, UTC)):
        t_ms = milliseconds(call.at)
        if after_ms < t_ms <= until_ms:
            yield t_ms, call.step
