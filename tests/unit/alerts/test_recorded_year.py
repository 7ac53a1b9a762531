"""The shipped rules over a recorded year of an estuary, every 15 minutes, the experts' flags as quality.

Recording: simulators/recordings (Apalachicola Bay 2012). The stations' own tags and limits; the person is a farmer and
an operator of one station, told by every route.
"""

from __future__ import annotations

import csv
import functools
import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.compiler import compile_network
from alerts.rules.composite import CompositeRule, compile_composites
from alerts.rules.rule import ChannelRule
from alerts.telling.contact import Addressee
from alerts.telling.routes import Routing
from alerts.trials.backtest import CompositeRun, RuleHistory, Run, histories
from alerts.trials.backtest_figures import people_of
from quantrac.config.loader import load_network
from quantrac.telemetry.quality import Quality

PROJECT = Path(__file__).parents[3]
QUARTER = 15 * 60_000
NETWORK = load_network(PROJECT / "station_configs")
RULES = compile_network(NETWORK)
NAMES = ("water_temp", "ec", "salinity", "do_sat", "do", "ph", "turbidity")
VERDICT = {"<0>": 1, "<1>": 3, "<4>": 1, "<5>": 1, "<-1>": 9, "<-2>": 9, "<-3>": 4}
PEOPLE = [
    Addressee(1, "farmer", "vi", "+84900000001", None, frozenset({"farmers", "sluices"}), frozenset()),
    Addressee(2, "operator", "vi", "+84900000002", "op@example.org", frozenset({"operators"}), frozenset()),
]
STATIONS = ("st-my-thanh", "st-vinh-chau", "st-cu-lao-dung")


@functools.cache
def recorded() -> dict[str, list[JudgedReading]]:
    series: dict[str, list[JudgedReading]] = {name: [] for name in NAMES}
    with gzip.open(PROJECT / "simulators/recordings/estuary_2012.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            t_ms = int(datetime.fromisoformat(row["time"]).timestamp() * 1000)
            for name in NAMES:
                value = float(row[name]) if row[name] else None
                quality = VERDICT[row[f"{name}_flag"].split(">")[0] + ">"] if value is not None else Quality.MISSING
                series[name].append(JudgedReading(t_ms, value, quality, t_ms))
    return series


def first_and_last() -> tuple[int, int]:
    return recorded()["do"][0].t_ms, recorded()["do"][-1].t_ms


def rules_of(channel: str) -> list[ChannelRule]:
    return [replace(rule, interval_ms=QUARTER) for rule in RULES.get(channel, ())]


def courses(station: str, *, without_rejected: bool = False) -> Iterator[RuleHistory]:
    for name, samples in recorded().items():
        kept = [s for s in samples if not (without_rejected and s.quality == Quality.FAIL)]
        run = Run(rules_of(f"{station}/{name}"))
        for start in range(0, len(kept), 3000):
            run.take(ReadingBlock.of(kept[start : start + 3000]))
        yield from histories(run.decisions(), PEOPLE, Routing.of(NETWORK), first_and_last()[1])
    for composite in compile_composites(NETWORK):
        if composite.station == station:
            many = CompositeRun(at_quarters(composite))
            blocks = {channel: ReadingBlock.of(recorded()[channel.partition("/")[2]]) for channel in composite.channels}
            first, last = first_and_last()
            many.take(blocks, first - QUARTER, last)
            yield from histories(many.decisions(), PEOPLE, Routing.of(NETWORK), first_and_last()[1])


def at_quarters(composite: CompositeRule) -> CompositeRule:
    members = tuple(replace(member, rule=replace(member.rule, interval_ms=QUARTER)) for member in composite.members)
    return replace(composite, rule=replace(composite.rule, interval_ms=QUARTER), members=members)


def low_episodes(limit: float) -> list[int]:
    """Start of each stretch of good readings below the limit of half an hour and more, by the raw series alone."""
    found, run = [], list[int]()
    for sample in recorded()["do"]:
        if sample.quality != Quality.GOOD or sample.value is None:
            continue
        if sample.value < limit:
            run.append(sample.t_ms)
        else:
            run = []
        if len(run) == 2:  # two readings of a quarter each
            found.append(run[0])
    return found


def test_every_half_hour_of_good_oxygen_below_two_is_told_within_on_delay_and_one_sample() -> None:
    alarms = [a for c in courses("st-my-thanh") for a in c.alarms if a.rule == "do-low"]
    starts = low_episodes(2.0)
    assert len(starts) >= 3
    for start in starts:
        standing = [a for a in alarms if a.raised_ms <= start + 5 * 60_000 + QUARTER]
        assert any(a.cleared_ms is None or a.cleared_ms >= start for a in standing), start


@pytest.mark.parametrize("station", STATIONS)
def test_no_alarm_comes_from_a_reading_that_the_experts_rejected(station: str) -> None:
    rejected = sum(s.quality == Quality.FAIL for samples in recorded().values() for s in samples)
    assert rejected > 1000
    with_them = [(a.rule, a.level, a.raised_ms) for c in courses(station) for a in c.alarms]
    assert with_them == [
        (a.rule, a.level, a.raised_ms) for c in courses(station, without_rejected=True) for a in c.alarms
    ]


def test_a_night_is_one_oxygen_alarm_and_a_farmer_is_told_less_often_for_it() -> None:
    """Without lulls 111 alarms, on 24 of 69 nights (noon to noon in the bay) more than one, and 239 messages."""
    oxygen = [course for course in courses("st-my-thanh") if any(a.rule == "do-low" for a in course.alarms)]
    alarms = [alarm for course in oxygen for alarm in course.alarms]
    nights = Counter((alarm.raised_ms - 17 * 4 * QUARTER) // (96 * QUARTER) for alarm in alarms)
    assert len(alarms) <= 65
    assert sum(count > 1 for count in nights.values()) <= 4
    told = [telling for course in oxygen for telling in course.told]
    farmer = next(one for one in people_of(told, *first_and_last()) if one.contact == "farmer")
    assert farmer.messages <= 170
    assert farmer.worst_week <= 18


@pytest.mark.parametrize("station", STATIONS)
def test_nobody_is_told_more_than_three_times_a_week_at_the_median(station: str) -> None:
    told = [telling for course in courses(station) for telling in course.told]
    for person in people_of(told, *first_and_last()):
        assert person.median_week <= 3, person


@pytest.mark.parametrize("station", ["st-my-thanh", "st-cu-lao-dung"])
def test_the_tide_at_a_river_mouth_is_no_jump_of_salinity(station: str) -> None:
    """At the limit of places without a tide it would stand for most of the year: see docs/limits.md."""
    rules = [rule for rule in rules_of(f"{station}/salinity") if rule.rule == "salinity-jump"]
    run = Run(rules)
    run.take(ReadingBlock.of(recorded()["salinity"]))
    first, last = first_and_last()
    alarms = [a for c in histories(run.decisions(), PEOPLE, Routing.of(NETWORK), last) for a in c.alarms]
    assert alarms
    assert sum((a.cleared_ms or last) - a.raised_ms for a in alarms) / (last - first) < 0.05
