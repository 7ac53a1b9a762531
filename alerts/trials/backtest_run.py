"""Runs `rules backtest` over stored readings. Reads only."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

from alerts.evaluating.reading_window import milliseconds
from alerts.evaluating.stored_normals import composites_with_normals, with_normals
from alerts.rules.compiler import compile_network
from alerts.rules.composite import CompositeRule, compile_composites
from alerts.rules.rule import ChannelRule
from alerts.telling.address_book import load_contacts
from alerts.telling.contact import Addressee
from alerts.telling.routes import Routing
from alerts.trials.backtest import (
    CompositeRun,
    Difference,
    Kpis,
    PastAlarm,
    Person,
    RuleHistory,
    RuleLine,
    Run,
    difference,
    kpis_of,
    lines_of,
    people_of,
)
from alerts.trials.history import HistoryStretch, stored_stretches
from quantrac.config.composites import Composite
from quantrac.config.network import Network
from quantrac.config.rule_files import LoadedRules
from quantrac.config.rules import Rule
from quantrac.database.pool import Connection

TOO_OFTEN: Final = 0.2
"""Share of days with an alarm above which people stop listening."""


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What a back-test found."""

    lines: list[RuleLine]
    kpis: Kpis
    people: list[Person]
    difference: Difference | None
    """With other rules only: what they change."""
    alarms: list[PastAlarm]
    readings: int
    channels: int
    evaluation_s: float
    whole_s: float
    """Reading and evaluating, which go on at the same time."""


class _Trial:
    """One set of rules, run over all channels."""

    def __init__(self, rules: Mapping[str, Sequence[ChannelRule]], composites: Iterable[CompositeRule]) -> None:
        self._channels = {channel: Run(own) for channel, own in rules.items()}
        self._composites = [(composite, CompositeRun(composite)) for composite in composites]

    @property
    def channels(self) -> set[str]:
        """Channels whose readings it needs."""
        return {*self._channels, *(channel for composite, _ in self._composites for channel in composite.channels)}

    def take(self, stretch: HistoryStretch) -> None:
        """Evaluate the readings of some days."""
        for channel, run in self._channels.items():
            if channel in stretch.blocks:
                run.take(stretch.blocks[channel])
        for _, run_of_many in self._composites:
            run_of_many.take(stretch.blocks, stretch.from_ms, stretch.until_ms)

    def courses(self, contacts: Sequence[Addressee], routing: Routing) -> list[RuleHistory]:
        """Return what each rule did."""
        runs: list[Run | CompositeRun] = [*self._channels.values(), *(run for _, run in self._composites)]
        return [course for run in runs for course in run.courses(contacts, routing)]


def _trial(
    conn: Connection, network: Network, rules: Mapping[str, Rule], composites: Mapping[str, Composite]
) -> _Trial:
    """Return a trial of rules with what is normal for their channels."""
    own = with_normals(conn, compile_network(network, rules.values()))
    return _Trial(own, composites_with_normals(conn, compile_composites(network, composites.values())))


def run_backtest(
    conn: Connection,
    network: Network,
    first: date,
    last: date,
    *,
    new: LoadedRules | None = None,
    stations: Collection[str] | None = None,
) -> BacktestReport:
    """Run the rules of a network over the local days first … last, both included.

    With `new`, only rules of these names are run, in both versions, and the report is that of the new ones.
    """
    begun = time.perf_counter()
    start = datetime.combine(first, datetime.min.time(), network.zone)
    end = datetime.combine(last, datetime.min.time(), network.zone) + timedelta(days=1)
    if stations:
        network = replace(network, stations={name: s for name, s in network.stations.items() if name in stations})
    names = None if new is None else {*new.rules, *new.composites}
    in_force = _trial(conn, network, _only(network.rules, names), _only(network.composites, names))
    tried = None if new is None else _trial(conn, network, new.rules, new.composites)
    trials = [trial for trial in (in_force, tried) if trial is not None]
    readings, seen, evaluation_s = _run(conn, trials, start, end)
    people = load_contacts(conn), Routing.of(network)
    before = in_force.courses(*people)
    after = before if tried is None else tried.courses(*people)
    from_ms, to_ms = milliseconds(start), milliseconds(end)
    alarms = sorted((alarm for course in after for alarm in course.alarms), key=lambda alarm: alarm.raised_ms)
    return BacktestReport(
        lines=lines_of(alarms, to_ms),
        kpis=kpis_of(alarms, from_ms, to_ms),
        people=people_of((message for course in after for message in course.messages), from_ms, to_ms),
        difference=None if new is None else difference([a for course in before for a in course.alarms], alarms),
        alarms=alarms,
        readings=readings,
        channels=seen,
        evaluation_s=evaluation_s,
        whole_s=time.perf_counter() - begun,
    )


R = TypeVar("R")


def _only(rules: Mapping[str, R], names: set[str] | None) -> dict[str, R]:
    return {name: rule for name, rule in rules.items() if names is None or name in names}


def _run(conn: Connection, trials: Sequence[_Trial], start: datetime, end: datetime) -> tuple[int, int, float]:
    """Run trials over what is stored, each week read once; return readings, channels and seconds of evaluation."""
    channels = sorted(set().union(*(trial.channels for trial in trials)))
    readings, evaluation_s, seen = 0, 0.0, set[str]()
    for stretch in stored_stretches(conn, channels, start, end):
        read = time.perf_counter()
        for trial in trials:
            trial.take(stretch)
        evaluation_s += time.perf_counter() - read
        readings += sum(len(block) for block in stretch.blocks.values())
        seen |= stretch.blocks.keys()
    return readings, len(seen), evaluation_s


@dataclass(frozen=True, slots=True)
class TooOften:
    """A rule that cries wolf at a station."""

    rule: str
    station: str
    share: float
    """Of the days on which an alarm would have stood."""


def too_often(conn: Connection, network: Network, first: date, last: date) -> list[TooOften]:
    """Return the rules that would have stood in alarm on more than a fifth of the days at a station."""
    days = (last - first).days + 1
    lines = run_backtest(conn, network, first, last).lines
    found = [TooOften(line.rule, line.station, min(1.0, line.days_with_alarms / days)) for line in lines]
    return [one for one in found if one.share > TOO_OFTEN]
