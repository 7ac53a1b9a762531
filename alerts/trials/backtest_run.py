"""Runs `rules backtest` over stored readings. Reads only."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from math import inf
from typing import Final, TypeVar

import numpy as np

from alerts.evaluating.reading_window import milliseconds
from alerts.evaluating.stored_normals import composites_with_normals, with_normals
from alerts.rules.compiler import compile_network
from alerts.rules.composite import CompositeRule, compile_composites
from alerts.rules.rule import OF_THE_BOX, ChannelRule
from alerts.telling.address_book import load_contacts
from alerts.telling.contact import Addressee
from alerts.telling.routes import Routing
from alerts.trials.backtest import CompositeRun, PastAlarm, PastTelling, RuleHistory, Run, histories
from alerts.trials.backtest_figures import (
    Difference,
    Kpis,
    Person,
    RecordedAlarm,
    RuleLine,
    day_of,
    difference,
    kpis_of,
    lines_of,
    people_of,
    recorded_by,
)
from alerts.trials.history import HistoryStretch, stored_stretches
from quantrac.config.composites import Composite
from quantrac.config.network import Network
from quantrac.config.rule_files import LoadedRules
from quantrac.config.rules import Rule
from quantrac.database.pool import Connection
from quantrac.telemetry.errors import TranslatableError
from quantrac.telemetry.severity import Severity

Progress = Callable[[float], None]
EVALUATED: Final = 0.9
"""Share of the work that is done when all readings are evaluated."""
TOO_OFTEN: Final = 0.2
"""Share of days with an alarm above which people stop listening."""
RECORDED: Final = """
select a.alarm_id, a.rule, coalesce(c.channel, a.station), a.level, a.severity, a.raised_at, a.cleared_at, a.value,
       a.false_at, a.false_by
from alarm a left join channel c using (channel_id)
where a.rule = any(%(rules)s) and a.station = any(%(stations)s) and a.raised_at > %(since)s and a.raised_at <= %(until)s
order by a.raised_at, a.alarm_id
"""


class TooManyAlarms(TranslatableError):
    """Rules would raise more alarms than a back-test may hold."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What other rules would change against those in force."""

    alarms: list[PastAlarm]
    """Of the rules in force."""
    people: list[Person]
    """Whom the rules in force would have told how often."""
    difference: Difference
    recorded: list[RecordedAlarm]
    """The alarms on record, and which rules would raise them."""


@dataclass(frozen=True, slots=True)
class BacktestReport:
    """What a back-test found."""

    lines: list[RuleLine]
    kpis: Kpis
    people: list[Person]
    comparison: Comparison | None
    """With other rules only."""
    alarms: list[PastAlarm]
    readings: int
    channels: int
    days: int
    """Local days with readings of a channel that a rule watches."""
    evaluation_s: float
    whole_s: float
    """Reading and evaluating, which go on at the same time."""


class _Trial:
    """One set of rules, run over all channels."""

    def __init__(
        self,
        rules: Mapping[str, Sequence[ChannelRule]],
        composites: Iterable[CompositeRule],
        most_alarms: float,
        offset_ms: int,
    ) -> None:
        self._channels = {channel: Run(own) for channel, own in rules.items()}
        self._composites = [(composite, CompositeRun(composite)) for composite in composites]
        self._alarms, self._most_alarms = 0, most_alarms
        self._days: dict[str, set[int]] = {}
        self._offset_ms = offset_ms

    @property
    def channels(self) -> set[str]:
        """Channels whose readings it needs."""
        return {*self._channels, *(channel for composite, _ in self._composites for channel in composite.channels)}

    def take(self, stretch: HistoryStretch) -> None:
        """Evaluate the readings of some days. Raises TooManyAlarms."""
        for channel in self.channels & stretch.blocks.keys():
            days = np.unique(day_of(stretch.blocks[channel].t_ms, self._offset_ms))
            self._days.setdefault(channel, set()).update(days.tolist())
        for channel, run in self._channels.items():
            if channel in stretch.blocks:
                self._count(run.take(stretch.blocks[channel]))
        for _, run_of_many in self._composites:
            self._count(run_of_many.take(stretch.blocks, stretch.from_ms, stretch.until_ms))

    def stored(self) -> dict[tuple[str, str], set[int]]:
        """Return by rule and station the days of which readings were taken."""
        watched = [(rule, [channel]) for channel, run in self._channels.items() for rule in run.rules]
        watched += [(composite.rule, list(composite.channels)) for composite, _ in self._composites]
        days: dict[tuple[str, str], set[int]] = {}
        for rule, channels in watched:
            for channel in channels:
                days.setdefault((rule.rule, rule.station), set()).update(self._days.get(channel, ()))
        return days

    def courses(
        self, contacts: Sequence[Addressee], routing: Routing, end_ms: int, progress: Progress
    ) -> list[RuleHistory]:
        """Return what each rule did until `end_ms`."""
        runs: list[Run | CompositeRun] = [*self._channels.values(), *(run for _, run in self._composites)]
        found = []
        for history in histories((made for run in runs for made in run.decisions()), contacts, routing, end_ms):
            progress(EVALUATED)
            found.append(history)
        return found

    def _count(self, risen: int) -> None:
        self._alarms += risen
        if self._alarms > self._most_alarms:
            raise TooManyAlarms(
                "more than {most} alarms would rise: set longer delays or a clear limit further from the limit, "
                "or try one station or fewer days",
                most=self._most_alarms,
            )


def _trial(
    conn: Connection,
    network: Network,
    rules: Mapping[str, Rule],
    composites: Mapping[str, Composite],
    most_alarms: float,
    offset_ms: int,
) -> _Trial:
    """Return a trial of rules with what is normal for their channels."""
    own = with_normals(conn, compile_network(network, rules.values()))
    of_many = composites_with_normals(conn, compile_composites(network, composites.values()))
    return _Trial(own, of_many, most_alarms, offset_ms)


def run_backtest(
    conn: Connection,
    network: Network,
    first: date,
    last: date,
    *,
    new: LoadedRules | None = None,
    stations: Collection[str] | None = None,
    progress: Progress = lambda _: None,
    most_alarms: float = inf,
) -> BacktestReport:
    """Run the rules of a network over the local days first … last, both included.

    With `new`, only rules of these names are run, in both versions, and the report is that of the new ones.

    Args:
        conn: in autocommit; nothing is written.
        network: rules in force, stations, routes.
        first: local day.
        last: local day.
        new: other rules.
        stations: only these; None: all.
        progress: is told what share is done, week by week and after it rule by rule, and may raise to give it up.
        most_alarms: of each set of rules.

    Raises:
        TooManyAlarms: rules would raise more.
    """
    begun = time.perf_counter()
    start = datetime.combine(first, datetime.min.time(), network.zone)
    end = datetime.combine(last, datetime.min.time(), network.zone) + timedelta(days=1)
    if stations is not None:
        network = replace(network, stations={name: s for name, s in network.stations.items() if name in stations})
    names = None if new is None else {*new.rules, *new.composites}
    bounds = most_alarms, (start.utcoffset() or timedelta()) // timedelta(milliseconds=1)
    in_force = _trial(conn, network, _only(network.rules, names), _only(network.composites, names), *bounds)
    tried = None if new is None else _trial(conn, network, new.rules, new.composites, *bounds)
    trials = [trial for trial in (in_force, tried) if trial is not None]
    readings, seen, evaluation_s = _run(conn, trials, start, end, progress)
    from_ms, to_ms = milliseconds(start), milliseconds(end)
    people = load_contacts(conn), Routing.of(network), to_ms
    before = in_force.courses(*people, progress)
    after = before if tried is None else tried.courses(*people, progress)
    alarms, told = _alarms_of(after), _people_of(after, from_ms, to_ms, progress)
    comparison = None
    if names is not None:
        old = _alarms_of(before)
        recorded = recorded_by(_recorded(conn, network, names, start, end), old, alarms)
        comparison = Comparison(old, _people_of(before, from_ms, to_ms, progress), difference(old, alarms), recorded)
    progress(1.0)
    stored = (tried or in_force).stored()
    return BacktestReport(
        lines=lines_of(alarms, to_ms, stored, bounds[1]),
        kpis=kpis_of(alarms, from_ms, to_ms),
        people=told,
        comparison=comparison,
        alarms=alarms,
        readings=readings,
        channels=seen,
        days=len(set().union(*stored.values())),
        evaluation_s=evaluation_s,
        whole_s=time.perf_counter() - begun,
    )


def _alarms_of(courses: Iterable[RuleHistory]) -> list[PastAlarm]:
    return sorted((alarm for course in courses for alarm in course.alarms), key=lambda alarm: alarm.raised_ms)


def _people_of(courses: Iterable[RuleHistory], from_ms: int, to_ms: int, progress: Progress) -> list[Person]:
    def told() -> Iterator[PastTelling]:
        for course in courses:
            for telling in course.told:
                progress(EVALUATED)
                yield telling

    return people_of(told(), from_ms, to_ms)


def _recorded(
    conn: Connection, network: Network, names: Collection[str], start: datetime, end: datetime
) -> Iterator[RecordedAlarm]:
    """Yield the alarms of rules on record that rose in start < time <= end."""
    parameters = {f"{s.station}/{c.name}": c.parameter for s in network.stations.values() for c in s.all_channels()}
    values = {"rules": sorted(names), "stations": sorted(network.stations), "since": start, "until": end}
    for id_, rule, channel, level, severity, raised_at, cleared_at, value, false_at, by in conn.execute(
        RECORDED, values
    ):
        watched = network.rules.get(rule)
        tells_its_own = watched is None or watched.watch.measure == "state" or parameters.get(channel) in OF_THE_BOX
        cleared_ms = None if cleared_at is None else milliseconds(cleared_at)
        yield RecordedAlarm(
            id_,
            PastAlarm(
                rule, channel, level, Severity.from_word(severity), milliseconds(raised_at), cleared_ms,
                value, None if tells_its_own else parameters.get(channel),
            ),
            None if false_at is None else by,
        )  # fmt: skip


R = TypeVar("R")


def _only(rules: Mapping[str, R], names: set[str] | None) -> dict[str, R]:
    return {name: rule for name, rule in rules.items() if names is None or name in names}


def _run(
    conn: Connection, trials: Sequence[_Trial], start: datetime, end: datetime, progress: Progress
) -> tuple[int, int, float]:
    """Run trials over what is stored, each week read once; return readings, channels and seconds of evaluation."""
    channels = sorted(set().union(*(trial.channels for trial in trials)))
    readings, evaluation_s, seen = 0, 0.0, set[str]()
    whole_ms = milliseconds(end) - milliseconds(start)
    with closing(stored_stretches(conn, channels, start, end)) as stretches:  # what it reads ahead ends before us
        for stretch in stretches:
            read = time.perf_counter()
            for trial in trials:
                trial.take(stretch)
            evaluation_s += time.perf_counter() - read
            readings += sum(len(block) for block in stretch.blocks.values())
            seen |= stretch.blocks.keys()
            progress(EVALUATED * (stretch.until_ms - milliseconds(start)) / whole_ms)
    return readings, len(seen), evaluation_s


@dataclass(frozen=True, slots=True)
class TooOften:
    """A rule that cries wolf at a station."""

    rule: str
    station: str
    share: float
    """Of the days with readings, on which an alarm would have stood."""
    days: int
    """With readings."""


def too_often(report: BacktestReport) -> list[TooOften]:
    """Return the rules that would have stood in alarm on more than a fifth of the days with readings at a station."""
    found = [
        TooOften(line.rule, line.station, line.days_with_alarms / line.days_with_readings, line.days_with_readings)
        for line in report.lines
        if line.days_with_readings
    ]
    return [one for one in found if one.share > TOO_OFTEN]
