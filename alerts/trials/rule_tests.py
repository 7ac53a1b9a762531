"""Runs the tests of rule files: series in, alarms out, by the evaluation of live readings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.evaluating.composite import verdicts
from alerts.evaluating.evaluation import DecisionKind, RuleState, step
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.compiler import compile_network
from alerts.rules.composite import CompositeRule, compile_composites
from alerts.rules.normals import ALL_PHASES, Cell, Normals
from alerts.rules.rule import ChannelRule
from quantrac.config.network import Network
from quantrac.config.rule_files import RuleTest, Series
from quantrac.telemetry.parameters import CATALOGUE
from quantrac.telemetry.quality import QUALITY_OF_STATE, worst
from quantrac.telemetry.states import State


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
    """Run every test of the network's rule files; every rule that watches a channel sees its series."""
    compiled, composites = compile_network(network), compile_composites(network)
    return [_result(test, compiled, composites) for test in network.rule_tests]


def _result(
    test: RuleTest, compiled: Mapping[str, Sequence[ChannelRule]], composites: Sequence[CompositeRule]
) -> TestResult:
    expected = [Alarm(e.rule, e.level, e.raised_ms, e.cleared_ms) for e in test.expect]
    raised = [
        alarm
        for channel, series in test.series.items()
        for rule in compiled.get(channel, ())
        for alarm in alarms_of(_in_test(rule, test), samples_of(series, test.every_ms))
    ]
    for composite in composites:
        if composite.channels & set(test.series):
            raised += _composite_alarms(composite, test)
    return TestResult(test.name, tuple(_without(expected, raised)), tuple(_without(raised, expected)))


def _in_test(rule: ChannelRule, test: RuleTest) -> ChannelRule:
    """Return a rule with the interval and the normals of a test."""
    rule = replace(rule, interval_ms=test.every_ms)
    normal = test.normals.get(rule.channel)
    if normal is None:
        return rule
    cells = [Cell(m, phase, normal.median, normal.mad, 0) for m in range(1, 13) for phase in range(ALL_PHASES + 1)]
    return replace(rule, normals=Normals.of(cells, CATALOGUE[rule.parameter].decimals))


def _composite_alarms(composite: CompositeRule, test: RuleTest) -> list[Alarm]:
    members = tuple(replace(member, rule=_in_test(member.rule, test)) for member in composite.members)
    series = {channel: own for channel, own in test.series.items() if channel in composite.channels}
    blocks = {channel: ReadingBlock.of(samples_of(own, test.every_ms)) for channel, own in series.items()}
    end = max(len(own.values) - 1 for own in series.values()) * test.every_ms
    block = verdicts(replace(composite, members=members), blocks, -test.every_ms, end)
    return alarms_in(replace(composite.rule, interval_ms=test.every_ms), block)


def samples_of(series: Series, every_ms: int) -> list[JudgedReading]:
    """Return the readings of a series: the first place at 0, each arriving at its own time."""
    state = State.OK if series.state is None else series.state
    quality = worst([series.quality, QUALITY_OF_STATE[state]])
    return [
        JudgedReading(place * every_ms, value, quality, place * every_ms, state)
        for place, value in enumerate(series.values)
        if value is not None
    ]


def alarms_of(rule: ChannelRule, samples: Iterable[JudgedReading]) -> list[Alarm]:
    """Return the alarms of one rule over a series."""
    return alarms_in(rule, ReadingBlock.of(samples))


def alarms_in(rule: ChannelRule, block: ReadingBlock) -> list[Alarm]:
    """Return the alarms of one rule over a block."""
    alarms: list[Alarm] = []
    for decision in step(rule, RuleState(), block).decisions:
        if decision.kind is DecisionKind.RAISED and decision.level is not None:
            alarms.append(Alarm(rule.rule, decision.level.name, decision.t_ms, None))
        elif decision.kind is DecisionKind.CLEARED:
            alarms[-1] = replace(alarms[-1], cleared_ms=decision.t_ms)
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
