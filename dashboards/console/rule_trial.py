"""What the trial of a change of rules found, as its page shows it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from alerts.rules.composite import compile_composites
from alerts.trials.backtest import PastAlarm
from alerts.trials.backtest_figures import Person, RecordedAlarm, RecordedCounts, recorded_counts
from alerts.trials.backtest_run import BacktestReport
from alerts.trials.rule_checks import findings
from alerts.trials.rule_tests import run_rule_tests
from dashboards.console.limit_lines import LimitLine, lines_of
from dashboards.console.rule_library import RuleLibrary
from dashboards.console.texts import Language, texts
from quantrac.config.composites import Composite
from quantrac.config.network import Network
from quantrac.config.rule_edits import RuleProposal
from quantrac.telemetry.words import counted

MOST_ROWS: Final = 200
"""Alarms of a list, and people, that a page shows."""
MOST_DRAWN: Final = 4_000
"""Alarms of a channel that its chart shows."""
MOST_CHANNELS: Final = 40
"""Channels whose charts a page offers."""
MONTH_DAYS: Final = 365.25 / 12


class Told(NamedTuple):
    """How often a person would be told, a month on average, and in the worst week."""

    name: str
    before: float
    after: float
    worst_before: int
    worst_after: int


class TrialRow(NamedTuple):
    """An alarm of a list."""

    channel: str
    severity: str
    raised_ms: int
    minutes: float | None
    """None: it stands at the end."""
    value: float | None
    alarm_id: int | None = None
    """Of one on record."""

    @property
    def raised_at(self) -> datetime:
        """When it rose."""
        return datetime.fromtimestamp(self.raised_ms / 1000, UTC)


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What a trial found, for its page."""

    days: int
    before: int
    after: int
    by_severity: list[tuple[str, int, int]]
    """Severity of the worst level that alarms reached, the worst first; how many before and after."""
    gone: list[TrialRow]
    new: list[TrialRow]
    stays: list[TrialRow]
    judged: RecordedCounts
    lost: list[TrialRow]
    """On record and not marked as false, and they would not rise."""
    false_gone: list[TrialRow]
    people: list[Told]
    told_before: float
    """Messages of all people together, a month."""
    told_after: float
    doubts: list[str]
    """Findings of the check that the change brings."""
    failed_tests: list[str]
    """Tests of the rule files that pass now and would fail."""
    readings: int
    seconds: float


def outcome(report: BacktestReport, network: Network, proposal: RuleProposal, first: date, last: date) -> TrialOutcome:
    """Return what a back-test of a proposal found. Pure."""
    assert report.comparison is not None
    days, change = (last - first).days + 1, report.comparison.difference
    new = set(change.only_new)
    recorded = [one for one in report.comparison.recorded if one.in_force and not one.new]
    people = _people(report.comparison.people, report.people, days)
    return TrialOutcome(
        days=days,
        before=len(report.comparison.alarms),
        after=len(report.alarms),
        by_severity=_by_severity(report.comparison.alarms, report.alarms),
        gone=_rows(change.only_in_force),
        new=_rows(change.only_new),
        stays=_rows(one for one in report.alarms if one not in new),
        judged=recorded_counts(report.comparison.recorded),
        lost=_rows(one for one in recorded if one.false_by is None),
        false_gone=_rows(one for one in recorded if one.false_by is not None),
        people=people,
        told_before=sum(one.before for one in people),
        told_after=sum(one.after for one in people),
        doubts=_doubts(network, proposal),
        failed_tests=_failed_tests(network, proposal),
        readings=report.readings,
        seconds=report.whole_s,
    )


def lasted(minutes: float, language: Language) -> str:
    """Return how long an alarm stood, such as `34 phút`, `25 giờ`. Pure."""
    for unit, size, most in (("s", 1 / 60, 1.5), ("m", 1, 90), ("h", 60, 2880)):
        if minutes < most:
            return counted(round(minutes / size), texts(language)[f"unit_{unit}"])
    return counted(round(minutes / 1440), texts(language)["unit_d"])


def _rows(alarms: Iterable[PastAlarm | RecordedAlarm]) -> list[TrialRow]:
    found = []
    for one in alarms:
        alarm = one.alarm if isinstance(one, RecordedAlarm) else one
        minutes = None if alarm.cleared_ms is None else (alarm.cleared_ms - alarm.raised_ms) / 60_000
        number = one.alarm_id if isinstance(one, RecordedAlarm) else None
        found.append(TrialRow(alarm.channel, alarm.severity.word, alarm.raised_ms, minutes, alarm.value, number))
    return found


def _by_severity(before: Iterable[PastAlarm], after: Iterable[PastAlarm]) -> list[tuple[str, int, int]]:
    once, now = (Counter(one.severity for one in alarms) for alarms in (before, after))
    return [(one.word, once[one], now[one]) for one in sorted({*once, *now}, reverse=True)]


def _people(before: Sequence[Person], after: Sequence[Person], days: int) -> list[Told]:
    once, now = ({one.contact_id: one for one in people} for people in (before, after))
    found = []
    for number, person in {**now, **once}.items():
        old, new = once.get(number), now.get(number)
        counts = [(0, 0) if one is None else (one.messages, one.worst_week) for one in (old, new)]
        (told_before, worst_before), (told_after, worst_after) = counts
        month = MONTH_DAYS / days
        found.append(Told(person.contact, told_before * month, told_after * month, worst_before, worst_after))
    return sorted(found, key=lambda one: (-one.before, -one.after, one.name))


def changed_network(network: Network, proposal: RuleProposal) -> Network:
    """Return a network with the rules of a proposal. Pure."""
    changed = proposal.changed
    return replace(
        network,
        rules={**network.rules, **changed.rules},
        composites={**network.composites, **changed.composites},
    )


def _doubts(network: Network, proposal: RuleProposal) -> list[str]:
    """Return what a check of the changed rules finds now and did not before."""
    before, after = (
        {f"{one.where}: {one.what}" for one in findings(_alone(of, proposal.names))}
        for of in (network, changed_network(network, proposal))
    )
    return sorted(after - before)


def _alone(network: Network, names: frozenset[str]) -> Network:
    """Return a network with some of its rules: all messages of hundreds of stations take seconds to be looked at."""
    return replace(
        network,
        rules={name: rule for name, rule in network.rules.items() if name in names},
        composites={name: rule for name, rule in network.composites.items() if name in names},
    )


def _failed_tests(network: Network, proposal: RuleProposal) -> list[str]:
    before, after = (
        {result.name for result in run_rule_tests(replace(of, rule_tests=proposal.loaded.tests)) if result.passed}
        for of in (network, changed_network(network, proposal))
    )
    return sorted(before - after)


def drawn(
    report: BacktestReport,
    library: RuleLibrary,
    proposal: RuleProposal,
    name: str,
    stations: frozenset[str],
    language: Language,
) -> dict[str, Any]:
    """Return what the charts of a trial show, by channel: old and new limits, and the alarms; those changed most first.

    Alarms of a composite rule stand at every channel of its conditions.
    """
    assert report.comparison is not None
    sets = report.comparison.alarms, report.alarms, [one.alarm for one in report.comparison.recorded]
    lanes = [_by_channel(alarms) for alarms in sets]
    change = report.comparison.difference
    changed = Counter(one.channel for one in (*change.only_in_force, *change.only_new))
    changed_rules = RuleLibrary.of(changed_network(library.network, proposal), library.day)
    after = {one.channel: one for one in changed_rules.watched[name]}
    standing = Counter(one.channel for one in report.comparison.alarms)
    rules = sorted(
        library.at(name, stations), key=lambda rule: (changed[rule.channel], standing[rule.channel]), reverse=True
    )
    members = {
        one.station: sorted(one.channels) for one in compile_composites(library.network, _composites(library, name))
    }
    return {
        channel: {
            "limits": _limits(lines_of([rule], library.day), lines_of([after[rule.channel]], library.day), language),
            "lanes": [own.get(rule.channel, [])[:MOST_DRAWN] for own in lanes],
            "counts": [len(own.get(rule.channel, [])) for own in lanes],
        }
        for rule in rules[:MOST_CHANNELS]
        for channel in members.get(rule.channel, [rule.channel])
    }


def _composites(library: RuleLibrary, name: str) -> list[Composite]:
    return [rule for rule in (library.network.composites.get(name),) if rule is not None]


def _limits(before: list[LimitLine], after: list[LimitLine], language: Language) -> list[dict[str, Any]]:
    """Return lines for a chart, those that a change takes away or brings with a word for it."""
    said = texts(language)
    old = [line.shown(language) | {"note": "" if line in after else said["rule_old"]} for line in before]
    brought = [line for line in after if line not in before]
    return old + [line.shown(language) | {"note": said["rule_new"], "isNew": True} for line in brought]


def _by_channel(alarms: Iterable[PastAlarm]) -> dict[str, list[tuple[int, int | None, str]]]:
    found: dict[str, list[tuple[int, int | None, str]]] = defaultdict(list)
    for one in alarms:
        found[one.channel].append((one.raised_ms, one.cleared_ms, one.severity.word))
    return found
