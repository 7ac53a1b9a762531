"""`rules backtest`: the rules run over what is stored. Reads only."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from alerts.backtests.backtest import (
    Course,
    Difference,
    Kpis,
    Line,
    PastAlarm,
    Person,
    Run,
    difference,
    kpis_of,
    lines_of,
    people_of,
)
from alerts.backtests.history import stored_blocks
from alerts.evaluating.block import Block
from alerts.evaluating.readings import milliseconds
from alerts.rules.compiling import compile_rules
from alerts.rules.rule import ChannelRule
from alerts.telling.messages import load_contacts
from alerts.telling.routing import Contact, Routing
from quantrac.config.network import Network
from quantrac.config.rules import Rule
from quantrac.database.pool import Connection

TOO_OFTEN: Final = 0.2
"""Share of days with an alarm above which people stop listening."""
NO_RULES: Final[Mapping[str, Sequence[ChannelRule]]] = {}


@dataclass(frozen=True, slots=True)
class Report:
    """What a back-test found."""

    lines: list[Line]
    kpis: Kpis
    people: list[Person]
    difference: Difference | None
    """With other rules only: what they change."""
    alarms: list[PastAlarm]
    readings: int
    channels: int
    reading_s: float
    evaluation_s: float


@dataclass(slots=True)
class _Tally:
    """What runs over all channels add up to."""

    contacts: list[Contact]
    routing: Routing
    in_force: list[Course] = field(default_factory=list)
    tried: list[Course] = field(default_factory=list)
    readings: int = 0
    channels: int = 0
    reading_s: float = 0.0
    evaluation_s: float = 0.0

    def run(self, blocks: Iterable[Block], in_force: Sequence[ChannelRule], tried: Sequence[ChannelRule]) -> None:
        """Run the rules of one channel over its blocks."""
        runs, size = [Run(in_force), Run(tried)], 0
        begun = time.perf_counter()
        for block in blocks:
            read = time.perf_counter()
            self.reading_s += read - begun
            for run in runs:
                run.take(block)
            size += len(block)
            begun = time.perf_counter()
            self.evaluation_s += begun - read
        self.readings += size
        self.channels += size > 0
        self.in_force += runs[0].courses(self.contacts, self.routing)
        self.tried += runs[1].courses(self.contacts, self.routing)


def run_backtest(
    conn: Connection,
    network: Network,
    first: date,
    last: date,
    *,
    new: Mapping[str, Rule] | None = None,
    stations: Collection[str] | None = None,
) -> Report:
    """Run the rules of a network over the local days first … last, both included.

    With `new`, only rules of these names are run, in both versions, and the report is that of the new ones.
    """
    start = datetime.combine(first, datetime.min.time(), network.zone)
    end = datetime.combine(last, datetime.min.time(), network.zone) + timedelta(days=1)
    places = [s for s in network.stations.values() if not stations or s.station in stations]
    old = [rule for rule in network.rules.values() if new is None or rule.name in new]
    in_force = compile_rules(old, places)
    tried = NO_RULES if new is None else compile_rules(new.values(), places)
    tally = _Tally(load_contacts(conn), Routing.of(network))
    for channel in sorted({*in_force, *tried}):
        tally.run(stored_blocks(conn, channel, start, end), in_force.get(channel, ()), tried.get(channel, ()))
    return _report(tally, milliseconds(start), milliseconds(end), is_trial=new is not None)


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


def _report(tally: _Tally, from_ms: int, to_ms: int, *, is_trial: bool) -> Report:
    courses = tally.tried if is_trial else tally.in_force
    alarms = sorted((alarm for course in courses for alarm in course.alarms), key=lambda alarm: alarm.raised_ms)
    before = [alarm for course in tally.in_force for alarm in course.alarms]
    return Report(
        lines=lines_of(alarms, to_ms),
        kpis=kpis_of(alarms, from_ms, to_ms),
        people=people_of((message for course in courses for message in course.messages), from_ms, to_ms),
        difference=difference(before, alarms) if is_trial else None,
        alarms=alarms,
        readings=tally.readings,
        channels=tally.channels,
        reading_s=tally.reading_s,
        evaluation_s=tally.evaluation_s,
    )
