"""Runs the tests of rule files: series in, alarms out, by the evaluation of live readings. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from alerts.evaluating.composite import verdicts
from alerts.evaluating.evaluation import Decision, DecisionKind, RuleState, step
from alerts.evaluating.twins import story_of, told_as_one
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.compiler import compile_network
from alerts.rules.composite import CompositeRule, compile_composites
from alerts.rules.normals import ALL_PHASES, Cell, Normals
from alerts.rules.rule import ChannelRule
from quantrac.config.network import Network
from quantrac.config.rule_files import RuleTest, Series, TestPlace
from quantrac.config.rules import levels_on, with_lulls
from quantrac.config.stations import Channel, Station
from quantrac.telemetry.local_time import Calendar
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import QUALITY_OF_STATE, worst
from quantrac.telemetry.states import State
from quantrac.telemetry.words import Words


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that a test expects or that its series raised. Times count from the first place of the series."""

    rule: str
    level: str
    """The level at which it rose."""
    raised_ms: int
    cleared_ms: int | None
    """None: still standing at the end."""

    def __str__(self) -> str:
        cleared = "standing at the end" if self.cleared_ms is None else f"cleared {duration(self.cleared_ms)}"
        return f"{self.rule} {self.level} raised {duration(self.raised_ms)}, {cleared}"


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test ended."""

    __test__ = False  # not a test of our own, whatever its name suggests to a collector

    name: str
    missing: tuple[Alarm, ...]
    """Expected, and not raised."""
    unexpected: tuple[Alarm, ...]
    """Raised, and not expected."""

    @property
    def passed(self) -> bool:
        """Whether the alarms were those expected."""
        return not self.missing and not self.unexpected


def run_rule_tests(network: Network) -> list[TestResult]:
    """Run every test of the network's rule files; every rule that watches a channel sees its series.

    Places of a test are stations of its own, beside those of the network.
    """
    own = compile_network(network), compile_composites(network)
    made_up: dict[str, tuple[dict[str, list[ChannelRule]], list[CompositeRule]]] = {}
    results = []
    for test in network.rule_tests:
        compiled, composites = dict(own[0]), list(own[1])
        for name, place in test.places.items():
            key = f"{name} {place}"
            if key not in made_up:
                alone = replace(network, stations={name: station_of(name, place)})
                made_up[key] = compile_network(alone), compile_composites(alone)
            compiled |= made_up[key][0]
            composites += made_up[key][1]
        results.append(_result(test, compiled, composites, _begin_ms(test, network.zone)))
    return results


def station_of(name: str, place: TestPlace) -> Station:
    """Return a made-up station that has a channel of every parameter, and those that it names."""
    own = {channel: _channel(channel, parameter, "mean") for channel, parameter in place.channels.items()}
    usual = {parameter: _channel(parameter, parameter, None) for parameter in CATALOGUE}
    there: dict[str, Any] = {
        "station": name, "name": Words(name, name), "tags": place.tags, "agent_channels": usual | own, "devices": {},
        "cameras": {}, "derived": {},
    }  # fmt: skip
    return Station.model_construct(**there)


def _channel(name: str, parameter: str, statistic: str | None) -> Channel:
    known = CATALOGUE[parameter]
    there: dict[str, Any] = {
        "name": name, "parameter": parameter, "unit": known.unit, "kind": known.kind, "device": "agent",
        "signal": parameter, "interval_ms": 60_000, "span": known.span, "statistic": statistic,
    }  # fmt: skip
    return Channel.model_construct(**there)


def _begin_ms(test: RuleTest, zone: ZoneInfo) -> int:
    return 0 if test.first is None else int(Calendar(zone).midnight(test.first).timestamp()) * 1000


def _result(
    test: RuleTest, compiled: Mapping[str, Sequence[ChannelRule]], composites: Sequence[CompositeRule], begin_ms: int
) -> TestResult:
    expected = [Alarm(e.rule, e.level, e.raised_ms, e.cleared_ms) for e in test.expect]
    made: dict[object, list[tuple[ChannelRule, list[Decision]]]] = defaultdict(list)
    for channel, series in test.series.items():
        block = ReadingBlock.of(samples_of(series, test.every_of(channel), begin_ms))
        for rule in compiled.get(channel, ()):
            decisions = step(_in_test(rule, test), RuleState(), block).decisions
            made[story_of(rule) or (rule.rule, channel)].append((rule, decisions))
    raised = [alarm for twins in made.values() for alarm in _alarms(told_as_one(twins), begin_ms)]
    for composite in composites:
        if composite.channels & set(test.series):
            raised += _composite_alarms(composite, test, begin_ms)
    return TestResult(test.name, tuple(_without(expected, raised)), tuple(_without(raised, expected)))


def _in_test(rule: ChannelRule, test: RuleTest) -> ChannelRule:
    """Return a rule with the interval and the normals of a test, and where that has no day the newest limits."""
    rule = replace(rule, interval_ms=test.every_of(rule.channel))
    if test.first is None:
        newest = levels_on(rule.levels, date.max)
        rule = replace(rule, levels=with_lulls(replace(one, first=None, last=None, follows=False) for one in newest))
    normal = test.normals.get(rule.channel)
    if normal is None:
        return rule
    cells = [Cell(m, phase, normal.median, normal.mad, 0) for m in range(1, 13) for phase in range(ALL_PHASES + 1)]
    return replace(rule, normals=Normals.of(cells, CATALOGUE[rule.parameter].resolution))


def _composite_alarms(composite: CompositeRule, test: RuleTest, begin_ms: int) -> list[Alarm]:
    members = tuple(replace(member, rule=_in_test(member.rule, test)) for member in composite.members)
    series = {channel: own for channel, own in test.series.items() if channel in composite.channels}
    every = {channel: test.every_of(channel) for channel in series}
    blocks = {channel: ReadingBlock.of(samples_of(own, every[channel], begin_ms)) for channel, own in series.items()}
    end = begin_ms + max((len(own.values) - 1) * every[channel] for channel, own in series.items())
    rule = replace(composite.rule, interval_ms=max(member.rule.interval_ms for member in members))
    block = verdicts(replace(composite, members=members), blocks, begin_ms - max(every.values()), end)
    return _alarms(((rule, decision) for decision in step(rule, RuleState(), block).decisions), begin_ms)


def samples_of(series: Series, every_ms: int, begin_ms: int = 0) -> list[JudgedReading]:
    """Return the readings of a series: the first place at its begin, each arriving at its own time."""
    state = State.OK if series.state is None else series.state
    quality = worst([series.quality, QUALITY_OF_STATE[state]])
    return [
        JudgedReading(t_ms, value, quality, t_ms, state)
        for t_ms, value in zip(count(begin_ms, every_ms), series.values, strict=False)
        if value is not None
    ]


def _alarms(course: Iterable[tuple[ChannelRule, Decision]], begin_ms: int) -> list[Alarm]:
    """Return the alarms that decisions, in order, make up, timed from the begin of a test."""
    alarms: list[Alarm] = []
    for rule, decision in course:
        if decision.kind is DecisionKind.RAISED and decision.level is not None:
            alarms.append(Alarm(rule.rule, decision.level.name, decision.t_ms - begin_ms, None))
        elif decision.kind is DecisionKind.CLEARED:
            alarms[-1] = replace(alarms[-1], cleared_ms=decision.t_ms - begin_ms)
    return alarms


def duration(ms: int) -> str:
    """Return milliseconds as rule files write them: `29m`, `90s`, `1h`."""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if ms and ms % size == 0:
            return f"{ms // size}{unit}"
    return f"{ms}ms" if ms else "0s"


def _without(alarms: Iterable[Alarm], others: Iterable[Alarm]) -> list[Alarm]:
    """Return the alarms that have no equal among the others, each counted once."""
    rest = list(others)
    left = []
    for alarm in alarms:
        if alarm in rest:
            rest.remove(alarm)
        else:
            left.append(alarm)
    return left
