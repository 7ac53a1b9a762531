"""Back-test: the alarms that rules would have raised, their messages, and the difference of two rule sets. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final

from alerts.alarm.change import Purpose
from alerts.evaluating.composite import verdicts
from alerts.evaluating.evaluation import Decision, DecisionKind, RuleState, step
from alerts.evaluating.late import episodes
from alerts.rules.block import ReadingBlock
from alerts.rules.composite import CompositeRule
from alerts.rules.rule import ChannelRule
from alerts.telling.contact import Addressee
from alerts.telling.routes import Routing
from alerts.telling.stages import Matter, recipients
from quantrac.config.notifications import Medium
from quantrac.telemetry.severity import Severity

TEN_MINUTES_MS: Final = 600_000
FLOOD: Final = 10
"""Alarms in ten minutes beyond which an operator is flooded (EEMUA 191, ISA-18.2)."""
STALE_MS: Final = 86_400_000
CHATTER_MS: Final = 60_000
"""An alarm that rises again within it is chattering: three in a minute is the usual measure."""
WEEK_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class PastAlarm:
    """An alarm that a rule would have raised."""

    rule: str
    channel: str
    """`<station>/<name>`; of a composite rule the station alone."""
    level: str
    severity: Severity
    raised_ms: int
    cleared_ms: int | None
    """None: it stands at the end."""
    value: float

    @property
    def station(self) -> str:
        """The station of the channel."""
        return self.channel.partition("/")[0]


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message that somebody would have got."""

    contact: str
    medium: Medium
    t_ms: int


@dataclass(frozen=True, slots=True)
class RuleHistory:
    """What one rule would have done on one channel."""

    alarms: tuple[PastAlarm, ...]
    messages: tuple[PastMessage, ...]


class Run:
    """The rules of one channel, fed with its readings block by block."""

    def __init__(self, rules: Sequence[ChannelRule]) -> None:
        self._rules = rules
        self._states = [RuleState() for _ in rules]
        self._decisions: list[list[Decision]] = [[] for _ in rules]
        self._tail: ReadingBlock | None = None

    def take(self, block: ReadingBlock) -> None:
        """Evaluate the next block; the one before is context for rules that look back."""
        seen = block if self._tail is None else self._tail.followed_by(block)
        for i, rule in enumerate(self._rules):
            outcome = step(rule, self._states[i], seen if rule.measure.window_ms else block)
            self._states[i] = outcome.state
            self._decisions[i] += outcome.decisions
        memory = max((rule.measure.window_ms for rule in self._rules), default=0)
        self._tail = seen.since(int(block.t_ms[-1]) - memory) if memory else None

    @property
    def alarms_so_far(self) -> int:
        """How many alarms have risen."""
        return sum(decision.kind is DecisionKind.RAISED for made in self._decisions for decision in made)

    def courses(self, contacts: Sequence[Addressee], routing: Routing) -> list[RuleHistory]:
        """Return what each rule did."""
        pairs = zip(self._rules, self._decisions, strict=True)
        return [
            RuleHistory(tuple(_alarms(rule, made)), tuple(_messages(rule, made, contacts, routing)))
            for rule, made in pairs
        ]


class CompositeRun:
    """A composite rule, fed with the readings of its members stretch by stretch."""

    def __init__(self, composite: CompositeRule) -> None:
        self._composite = composite
        self._run = Run([composite.rule])
        self._tails: dict[str, ReadingBlock] = {}

    def take(self, blocks: Mapping[str, ReadingBlock], from_ms: int, until_ms: int) -> None:
        """Evaluate from_ms < t <= until_ms; what the members look back for is kept from the stretches before."""
        seen = {channel: _joined(self._tails.get(channel), blocks.get(channel)) for channel in self._composite.channels}
        own = {channel: block for channel, block in seen.items() if block is not None}
        self._run.take(verdicts(self._composite, own, from_ms, until_ms))
        self._tails = {channel: block.since(until_ms - self._composite.memory_ms) for channel, block in own.items()}

    def courses(self, contacts: Sequence[Addressee], routing: Routing) -> list[RuleHistory]:
        """Return what the rule did."""
        return self._run.courses(contacts, routing)


def _joined(before: ReadingBlock | None, now: ReadingBlock | None) -> ReadingBlock | None:
    if before is None or not len(before):
        return now
    return before if now is None else replace(before.followed_by(now), start_ms=None)


def _alarms(rule: ChannelRule, decisions: list[Decision]) -> Iterable[PastAlarm]:
    for one in episodes(decisions):
        yield PastAlarm(
            rule.rule, rule.channel, one.level.name, one.level.severity, one.raised_ms, one.cleared_ms, one.value
        )


def _messages(
    rule: ChannelRule, decisions: list[Decision], contacts: Sequence[Addressee], routing: Routing
) -> Iterable[PastMessage]:
    """Follow `alerts.telling.messages`: a rise, each level worse than any before, and the end to whoever was told."""
    told: set[tuple[Addressee, Medium]] = set()
    worst = 0
    for decision in decisions:
        if decision.kind is DecisionKind.CLEARED:
            for contact, medium in sorted(told, key=lambda pair: (pair[0].contact_id, pair[1])):
                if routing.wants_the_end(contact, medium, Severity(worst)):
                    yield PastMessage(contact.name, medium, decision.t_ms)
            told, worst = set(), 0
        elif decision.level is not None and decision.level.severity > worst:
            level, worst = decision.level, decision.level.severity
            matter = Matter(Purpose.RAISED, rule.station, level.severity, frozenset(level.to))
            people = recipients(routing, contacts, matter)
            told |= {(person.contact, person.medium) for person in people}
            yield from (PastMessage(person.contact.name, person.medium, decision.t_ms) for person in people)


@dataclass(frozen=True, slots=True)
class Kpis:
    """Of the alarms as an operator would have met them (EEMUA 191, ISA-18.2)."""

    alarms: int
    per_day: float
    peak_in_ten_minutes: int
    flood_share: float
    """Share of ten-minute periods with more than ten alarms."""
    stale: int
    """Standing for more than 24 h."""
    chattering: int
    """Risen again within a minute of their end."""
    standing_at_end: int


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule at one station."""

    rule: str
    station: str
    alarms: int
    by_level: Mapping[str, int]
    median_minutes: float
    longest_minutes: float
    days_with_alarms: int


@dataclass(frozen=True, slots=True)
class Person:
    """How much one person would have been told."""

    contact: str
    messages: int
    median_week: float
    worst_week: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What other rules would change: alarms of the same rule and channel that do not overlap."""

    only_in_force: tuple[PastAlarm, ...]
    only_new: tuple[PastAlarm, ...]
    in_both: int


def lines_of(alarms: Sequence[PastAlarm], end_ms: int) -> list[RuleLine]:
    """Return one line a rule and station, the busiest first."""
    grouped: dict[tuple[str, str], list[PastAlarm]] = defaultdict(list)
    for alarm in alarms:
        grouped[alarm.rule, alarm.station].append(alarm)
    return sorted((_line(*key, own, end_ms) for key, own in grouped.items()), key=lambda line: -line.alarms)


def _line(rule: str, station: str, alarms: list[PastAlarm], end_ms: int) -> RuleLine:
    minutes = [((a.cleared_ms or end_ms) - a.raised_ms) / 60_000 for a in alarms]
    return RuleLine(
        rule=rule,
        station=station,
        alarms=len(alarms),
        by_level=dict(Counter(alarm.level for alarm in alarms)),
        median_minutes=median(minutes),
        longest_minutes=max(minutes),
        days_with_alarms=len(days_with(alarms, end_ms)),
    )


def days_with(alarms: Iterable[PastAlarm], end_ms: int) -> set[int]:
    """Return the days (of UTC, counted from 1970) on which an alarm stood."""
    return {day for a in alarms for day in range(a.raised_ms // STALE_MS, (a.cleared_ms or end_ms) // STALE_MS + 1)}


def kpis_of(alarms: Sequence[PastAlarm], from_ms: int, to_ms: int) -> Kpis:
    """Return the figures of a period."""
    periods = Counter(alarm.raised_ms // TEN_MINUTES_MS for alarm in alarms)
    ends: dict[tuple[str, str], int] = {}
    chattering = 0
    for alarm in sorted(alarms, key=lambda a: a.raised_ms):
        last = ends.get((alarm.rule, alarm.channel))
        chattering += last is not None and alarm.raised_ms - last <= CHATTER_MS
        ends[alarm.rule, alarm.channel] = alarm.cleared_ms or to_ms
    return Kpis(
        alarms=len(alarms),
        per_day=len(alarms) / max((to_ms - from_ms) / STALE_MS, 1e-9),
        peak_in_ten_minutes=max(periods.values(), default=0),
        flood_share=sum(n > FLOOD for n in periods.values()) / max((to_ms - from_ms) / TEN_MINUTES_MS, 1),
        stale=sum((alarm.cleared_ms or to_ms) - alarm.raised_ms > STALE_MS for alarm in alarms),
        chattering=chattering,
        standing_at_end=sum(alarm.cleared_ms is None for alarm in alarms),
    )


def people_of(messages: Iterable[PastMessage], from_ms: int, to_ms: int) -> list[Person]:
    """Return how many messages each person would have had, in all and a week (weeks counted from `from_ms`)."""
    weeks = max(1, -(-(to_ms - from_ms) // WEEK_MS))
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * weeks)
    for message in messages:
        counts[message.contact][min((message.t_ms - from_ms) // WEEK_MS, weeks - 1)] += 1
    people = [Person(contact, sum(own), median(own), max(own)) for contact, own in counts.items()]
    return sorted(people, key=lambda person: -person.messages)


def difference(in_force: Sequence[PastAlarm], new: Sequence[PastAlarm]) -> Difference:
    """Compare the alarms of two sets of rules over the same readings."""
    only_old = tuple(alarm for alarm in in_force if not _has_overlap(alarm, new))
    only_new = tuple(alarm for alarm in new if not _has_overlap(alarm, in_force))
    return Difference(only_old, only_new, len(new) - len(only_new))


def _has_overlap(alarm: PastAlarm, others: Iterable[PastAlarm]) -> bool:
    return any(
        (other.rule, other.channel) == (alarm.rule, alarm.channel)
        and (other.cleared_ms is None or other.cleared_ms >= alarm.raised_ms)
        and (alarm.cleared_ms is None or alarm.cleared_ms >= other.raised_ms)
        for other in others
    )
