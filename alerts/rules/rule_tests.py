"""The tests that stand beside the rules: series in, alarms out, through the same evaluation as live readings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.evaluating.block import Block, Sample
from alerts.evaluating.evaluation import Kind, RuleState, step
from alerts.rules.compiling import compile_rules
from alerts.rules.rule import ChannelRule
from quantrac.config.network import Network
from quantrac.config.rules import RuleTest, Series
from quantrac.telemetry.quality import QUALITY_OF_STATE, Quality, worst
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
    compiled = compile_rules(network.rules.values(), network.stations.values())
    return [_result(test, compiled) for test in network.rule_tests]


def _result(test: RuleTest, compiled: Mapping[str, Sequence[ChannelRule]]) -> TestResult:
    expected = [Alarm(e.rule, e.level, e.raised_ms, e.cleared_ms) for e in test.expect]
    raised = [
        alarm
        for channel, series in test.series.items()
        for rule in compiled.get(channel, ())
        for alarm in alarms_of(replace(rule, interval_ms=test.every_ms), samples_of(series, test.every_ms))
    ]
    return TestResult(test.name, tuple(_without(expected, raised)), tuple(_without(raised, expected)))


def samples_of(series: Series, every_ms: int) -> list[Sample]:
    """Return the readings of a series: the first place at 0, each arriving at its own time."""
    quality = Quality[series.quality.upper()]
    if series.state is not None:
        quality = worst([quality, QUALITY_OF_STATE[series.state]])
    return [
        Sample(place * every_ms, value, quality, place * every_ms, series.state or State.OK)
        for place, value in enumerate(series.values)
        if value is not None
    ]


def alarms_of(rule: ChannelRule, samples: Iterable[Sample]) -> list[Alarm]:
    """Return the alarms of one rule over a series."""
    alarms: list[Alarm] = []
    for decision in step(rule, RuleState(), Block.of(samples)).decisions:
        if decision.kind is Kind.RAISED and decision.level is not None:
            alarms.append(Alarm(rule.rule, decision.level.name, decision.t_ms, None))
        elif decision.kind is Kind.CLEARED:
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
