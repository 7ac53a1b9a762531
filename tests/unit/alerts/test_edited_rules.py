"""Rules that are edited while their alarm stands: an end is an all-clear only for readings past what people were told.

The law is checked against a second definition, which knows nothing of machines: minutes in a row past a clear limit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.alarm.change import EndCause
from alerts.evaluating.evaluation import Decision, DecisionKind, RuleState, step
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.composite import compile_composites
from alerts.rules.rule import ChannelRule, Measure, MeasureKind, Validity
from quantrac.config.composites import Composite, parse_expression
from quantrac.config.loader import load_network
from quantrac.config.rules import Level
from tests.fixtures.program import PROJECT
from tests.unit.alerts.rules import ACT, DANGER, MINUTE, WATCH, oxygen_rule
from tests.unit.alerts.series import read_series

LOWERED = replace(ACT, limit=2.0, clear=2.3)
RAISED = replace(ACT, limit=4.0, clear=4.3)
RENAMED = replace(ACT, name="hanh-dong")
HASTY = replace(ACT, off_delay_ms=5 * MINUTE)
UNTIL_2030 = replace(ACT, last=date(2030, 12, 31))
SINCE_2031 = replace(LOWERED, first=date(2031, 1, 1), follows=True)
EVENING = Validity(from_minute=0, to_minute=10)
"""In force in the first ten minutes of the day."""


class Course:
    """A rule over readings, edited on the way; its memory is written and read between blocks as in the database."""

    def __init__(self, *levels: Level) -> None:
        self.rule = oxygen_rule(*levels)
        self.state, self.minute = RuleState(), 0
        self.decisions: list[Decision] = []

    def edit(self, *levels: Level) -> Course:
        self.rule = oxygen_rule(*levels)
        return self

    def read(self, series: str) -> Course:
        samples = read_series(series, MINUTE, start_ms=self.minute * MINUTE)
        self.minute = samples[-1].t_ms // MINUTE + 1
        outcome = step(self.rule, self.state, ReadingBlock.of(samples))
        self.state = msgspec.json.decode(msgspec.json.encode(outcome.state), type=RuleState)
        self.decisions += outcome.decisions
        return self

    @property
    def ends(self) -> list[tuple[int, EndCause | None]]:
        return [(d.t_ms // MINUTE, d.cause) for d in self.decisions if d.kind is DecisionKind.CLEARED]


@pytest.mark.parametrize(
    ("edited", "series", "ends"),
    [
        (LOWERED, "2.5x30", [(39, EndCause.LIMIT_CHANGED)]),
        (LOWERED, "2.5x20 3.5x10", [(39, EndCause.LIMIT_CHANGED)]),
        (LOWERED, "3.5x30", [(39, None)]),
        (RAISED, "3.5x40 4.5x30", [(79, None)]),
        (RENAMED, "2.5x60 3.4x30", [(99, None)]),
        (HASTY, "3.5x5", [(14, EndCause.LIMIT_CHANGED)]),
        (DANGER, "2.5", [(10, EndCause.LEVEL_REMOVED)]),
        (replace(RENAMED, limit=2.9), "2.5", [(10, EndCause.LEVEL_REMOVED)]),
    ],
)
def test_what_an_edit_while_the_alarm_stands_makes_of_its_end(
    edited: Level, series: str, ends: list[tuple[int, EndCause | None]]
) -> None:
    assert Course(ACT).read("2.8x10").edit(edited).read(series).ends == ends


def test_a_figure_that_gets_an_end_and_a_successor_goes_on() -> None:
    course = Course(ACT).read("2.8x20 3.1").edit(SINCE_2031, UNTIL_2030).read("3.1x90")
    assert [(one.kind, one.level.key if one.level else "") for one in course.decisions] == [
        (DecisionKind.RAISED, ACT.key)
    ]


@pytest.mark.parametrize(
    ("edited", "series", "end"),
    [
        (LOWERED, "2.5x10", (39, EndCause.LIMIT_CHANGED)),
        (LOWERED, "3.5x10", (39, None)),
        (RENAMED, "3.5x10", (39, None)),
        (HASTY, "3.5", (30, EndCause.LIMIT_CHANGED)),
    ],
)
def test_the_same_while_it_is_recovering(edited: Level, series: str, end: tuple[int, EndCause | None]) -> None:
    assert Course(ACT).read("2.8x10 3.5x20").edit(edited).read(series).ends == [end]


def test_a_limit_that_is_raised_and_lowered_again_counts_at_its_highest() -> None:
    course = Course(ACT).read("2.8x10").edit(RAISED).read("3.5x30 2.5x10").edit(LOWERED).read("2.5x30")
    assert course.ends == [(79, EndCause.LIMIT_CHANGED)]


def test_a_level_that_goes_while_a_milder_one_stands_still_counts_at_the_end() -> None:
    course = Course(WATCH, ACT).read("2.8x30").edit(WATCH).read("2.8x5").edit(replace(WATCH, limit=2.0, clear=2.2))
    assert course.read("2.8x30").ends == [(64, EndCause.LEVEL_REMOVED)]
    course = Course(WATCH, ACT).read("2.8x30").edit(WATCH).read("2.8x5 4.4x30")
    assert [(d.kind, d.level and d.level.name) for d in course.decisions[1:]] == [
        (DecisionKind.LEVEL, "watch"),
        (DecisionKind.CLEARED, "watch"),
    ]
    assert course.ends == [(64, None)]


def test_a_renamed_level_goes_on_under_its_new_name_only_where_it_can_be_told_for_sure() -> None:
    course = Course(ACT).read("2.8x10").edit(RENAMED).read("2.8x5")
    assert [(d.kind, d.level and d.level.name) for d in course.decisions] == [
        (DecisionKind.RAISED, "act"),
        (DecisionKind.LEVEL, "hanh-dong"),
    ]
    twins = Course(ACT).read("2.8x10").edit(RENAMED, replace(ACT, name="khac")).read("2.8")
    assert twins.ends == [(10, EndCause.LEVEL_REMOVED)]
    worse = Course(ACT).read("2.8x10").edit(replace(RENAMED, severity=DANGER.severity)).read("2.8")
    assert worse.ends == [(10, EndCause.LEVEL_REMOVED)]


def test_limits_that_are_no_longer_in_force_end_an_alarm_and_are_no_all_clear() -> None:
    rule = replace(oxygen_rule(replace(ACT, on_delay_ms=5 * MINUTE, off_delay_ms=10 * MINUTE)), validity=EVENING)

    def end(series: str) -> EndCause | None:
        decisions = step(rule, RuleState(), ReadingBlock.of(read_series(series, MINUTE))).decisions
        assert [d.kind for d in decisions] == [DecisionKind.RAISED, DecisionKind.CLEARED]
        return decisions[-1].cause

    assert end("2.8x30") is EndCause.NOT_IN_FORCE
    assert end("2.8x9 3.5x20") is None


def test_a_rule_that_compares_something_else_says_nothing_of_what_was_told() -> None:
    state, _ = run_blocks([(oxygen_rule(ACT), read_series("2.8x10", MINUTE))])
    swing = replace(oxygen_rule(ACT), measure=Measure(MeasureKind.CHANGE, 60 * MINUTE))
    other = replace(swing, levels=(replace(ACT, limit=-5.0, clear=-4.0),))
    _, decisions = run_blocks([(other, read_series("4.0x80", MINUTE, start_ms=10 * MINUTE))], state)
    assert [(d.kind, d.cause) for d in decisions] == [(DecisionKind.CLEARED, EndCause.MEASURE_CHANGED)]


def run_blocks(
    blocks: list[tuple[ChannelRule, list[JudgedReading]]], state: RuleState | None = None
) -> tuple[RuleState, list[Decision]]:
    state, decisions = state or RuleState(), list[Decision]()
    for rule, samples in blocks:
        outcome = step(rule, state, ReadingBlock.of(samples))
        state, decisions = outcome.state, decisions + outcome.decisions
    return state, decisions


class Stretch(NamedTuple):
    """Readings of equal value, one a minute, and the level of the rule while they come."""

    level: Level
    value: float
    minutes: int


LEVELS = st.builds(
    lambda name, limit, gap, on, off: replace(
        ACT, name=name, limit=limit, clear=round(limit + gap, 1), on_delay_ms=on * MINUTE, off_delay_ms=off * MINUTE
    ),
    st.sampled_from(["act", "act", "hanh-dong"]),
    st.sampled_from([2.0, 3.0, 4.0]),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([1, 5, 10]),
    st.sampled_from([1, 10, 30]),
)


@st.composite
def stretches(draw: Callable[..., object]) -> list[Stretch]:
    """Readings around the limits; from stretch to stretch the level is mostly kept, else edited."""
    level: Level = draw(LEVELS)  # type: ignore[assignment]
    found = []
    for value, minutes, other in draw(  # type: ignore[attr-defined]
        st.lists(
            st.tuples(
                st.sampled_from([1.5, 2.0, 2.2, 2.5, 3.0, 3.2, 3.5, 4.1, 4.5]),
                st.integers(1, 40),
                st.one_of(st.none(), st.none(), LEVELS),
            ),
            min_size=1,
            max_size=12,
        )
    ):
        level = other or level
        found.append(Stretch(level, value, minutes))
    return found


class Passed:
    """Of each clear limit at which an alarm stood: for how many minutes in a row readings have been past it."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[float, int], int] = {}

    def stand_at(self, level: Level) -> None:
        assert level.clear is not None
        own = level.clear, level.off_delay_ms // MINUTE
        alike = [minutes for (clear, _), minutes in self._minutes.items() if clear >= level.clear]
        self._minutes.setdefault(own, max(alike, default=0))

    def see(self, value: float) -> None:
        seen = {(clear, off): minutes + 1 if value > clear else 0 for (clear, off), minutes in self._minutes.items()}
        self._minutes = {(clear, off): minutes for (clear, off), minutes in seen.items() if minutes < off}

    @property
    def all(self) -> bool:
        return not self._minutes


@settings(max_examples=250)
@given(stretches())
def test_an_end_is_an_all_clear_exactly_when_readings_were_past_all_clear_limits_at_which_the_alarm_stood(
    found: list[Stretch],
) -> None:
    minutes = [(stretch.level, stretch.value) for stretch in found for _ in range(stretch.minutes)]
    decisions = {decision.t_ms // MINUTE: decision for decision in decided(found)}
    passed, told, begun, key = Passed(), minutes[0][0], 0, ""
    for minute, (level, value) in enumerate(minutes):
        decision = decisions.get(minute)
        if decision is not None and decision.level is not None and decision.kind is not DecisionKind.CLEARED:
            key = decision.level.key
        if decision is not None and decision.kind is DecisionKind.RAISED:
            passed, told, begun = Passed(), level, minute
        elif key == level.key:
            passed.stand_at(level)
        passed.see(value)
        if decision is not None and decision.kind is DecisionKind.RAISED:
            passed.stand_at(level)
        if decision is not None and decision.kind is DecisionKind.CLEARED:
            assert (decision.cause is None) == passed.all
            own = minutes[begun : minute + 1]
            assert decision.cause is not None or is_past(told, own), "it was past the clear limit that was told"
            assert decision.cause is None or len({one for one, _ in own}) > 1, "no end without an edit has a cause"
            key = ""


def decided(found: list[Stretch]) -> list[Decision]:
    blocks, start = [], 0
    for level, value, count in found:
        times = [(start + i) * MINUTE for i in range(count)]
        blocks.append((oxygen_rule(level), [JudgedReading(t_ms, value, 1, t_ms) for t_ms in times]))
        start += count
    return run_blocks(blocks)[1]


def is_past(level: Level, readings: list[tuple[Level, float]]) -> bool:
    """Whether readings were past the clear limit of a level for its off-delay, minute after minute."""
    assert level.clear is not None
    row = longest = 0
    for _, value in readings:
        row = row + 1 if value > level.clear else 0
        longest = max(longest, row)
    return longest >= level.off_delay_ms // MINUTE


def test_a_composite_rule_whose_conditions_or_joining_are_edited_has_another_measure() -> None:
    network = load_network(PROJECT / "station_configs")
    rule = network.composites["warm-and-low-oxygen"]

    def words(*rules: Composite) -> set[str]:
        return {made.rule.measure.word for one in rules for made in compile_composites(network, [one])}

    as_it_is = words(rule)
    assert as_it_is == words(rule.model_copy(update={"sms_cleared": None}))
    name, condition = next(iter(rule.conditions.items()))
    stricter = rule.conditions | {name: condition.model_copy(update={"below": 1.0, "above": None})}
    assert not as_it_is & words(rule.model_copy(update={"conditions": stricter}))
    assert not as_it_is & words(rule.model_copy(update={"when": parse_expression({"any": list(rule.conditions)})}))
