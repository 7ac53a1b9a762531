"""Composite rules: Kleene's truth tables, pieces between readings, members that wait, stale ones, delays, cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.evaluating.composite import horizon, reached_by, verdicts
from alerts.evaluating.evaluation import Decision, RuleState, step
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.composite import CONDITION, CompositeRule, Member
from alerts.rules.rule import Measure, MeasureKind
from quantrac.config.composites import Expression, parse_expression
from quantrac.config.rules import Level, Side
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from tests.unit.alerts.rules import MINUTE, oxygen_rule, told
from tests.unit.alerts.series import read_series

DO, TEMP = "st-my-thanh/do", "st-my-thanh/water_temp"
WORDS = {"T": 1, "F": 0, "?": -1}


def member(name: str, channel: str, side: Side, limit: float, interval_ms: int = MINUTE) -> Member:
    level = Level(CONDITION, side, limit, None, 0, 0, Severity.LOW)
    return Member(name, replace(oxygen_rule(level, interval_ms=interval_ms), channel=channel))


def composite(when: object, *, on: int = 0, off: int = 0, interval_ms: int = MINUTE) -> CompositeRule:
    level = Level("act", Side.ABOVE, 0.5, 0.5, on * MINUTE, off * MINUTE, Severity.HIGH)
    rule = replace(
        oxygen_rule(level, interval_ms=interval_ms),
        rule="pond",
        channel="st-my-thanh",
        measure=Measure(MeasureKind.COMPOSITE),
    )
    members = (member("low", DO, Side.BELOW, 4.0), member("hot", TEMP, Side.ABOVE, 31.0, interval_ms))
    return CompositeRule(rule, members, parse_expression(when))


BOTH = {"all": ["low", "hot"]}


def blocks(do: str, temp: str, temp_every: int = MINUTE) -> dict[str, ReadingBlock]:
    return {DO: ReadingBlock.of(read_series(do, MINUTE)), TEMP: ReadingBlock.of(read_series(temp, temp_every))}


def shown(block: ReadingBlock) -> list[tuple[float, float | None]]:
    return [
        (t / MINUTE, None if np.isnan(v) else v) for t, v in zip(block.t_ms.tolist(), block.value.tolist(), strict=True)
    ]


@pytest.mark.parametrize(
    ("operator", "table"),
    [  # Kleene's strong logic, rows in the order TT TF T? FT FF F? ?T ?F ??
        ("all", "TF?FFF?F?"),
        ("any", "TTTTF?T??"),
    ],
)
def test_truth_of_all_and_any_is_kleenes(operator: str, table: str) -> None:
    rule = composite({operator: ["low", "hot"]})
    for (one, other), expected in zip(product("TF?", repeat=2), table, strict=True):
        truth = rule.truth({"low": np.array([WORDS[one]], np.int8), "hot": np.array([WORDS[other]], np.int8)})
        assert truth.tolist() == [WORDS[expected]], (operator, one, other)


def test_not_of_unknown_is_unknown_and_expressions_nest() -> None:
    rule = composite({"all": ["low", {"not": {"any": ["hot"]}}]})
    of = {"low": np.array([1, 1, 1], np.int8), "hot": np.array([1, 0, -1], np.int8)}
    assert rule.truth(of).tolist() == [0, 1, -1]
    assert list(parse_expression({"not": "hot"}).names()) == ["hot"]
    assert isinstance(rule.when, Expression)


def test_a_reading_says_something_of_its_interval_whatever_the_others_interval() -> None:
    # do each minute, low from the reading at 3 on; temperature each 5 minutes, hot in (0, 5] and cool in (5, 10]
    made = verdicts(
        composite(BOTH, interval_ms=5 * MINUTE),
        blocks("5x3 3x8", "30 32 30", 5 * MINUTE),
        -MINUTE,
        10 * MINUTE,
    )
    assert shown(made)[1:] == [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0)]


def test_what_nobody_measured_is_unknown_and_neither_raises_nor_clears() -> None:
    rule = composite(BOTH, on=6, off=3)
    made = verdicts(rule, blocks("3x40", "32x4 _x20 32x8 30x8"), -MINUTE, 39 * MINUTE)
    assert told(step(rule.rule, RuleState(), made).decisions) == [("raised", "act", 25), ("cleared", "act", 34)]


def test_where_one_member_decides_the_other_need_not_be_known() -> None:
    rule = composite({"any": ["low", "hot"]}, on=5, off=3)
    made = verdicts(rule, blocks("3x10", "_x10"), -MINUTE, 9 * MINUTE)
    assert told(step(rule.rule, RuleState(), made).decisions) == [("raised", "act", 4)]


def test_it_waits_for_the_slowest_member_and_no_more_for_one_that_is_stale() -> None:
    rule = composite(BOTH)
    assert horizon(rule, {}, 0) is None
    assert horizon(rule, {DO: 10 * MINUTE, TEMP: 4 * MINUTE}, 0) == 4 * MINUTE
    assert horizon(rule, {DO: 10 * MINUTE}, 0) == 0  # the other has never spoken: fifteen minutes' grace
    assert horizon(rule, {DO: 19 * MINUTE, TEMP: 4 * MINUTE}, 0) == 4 * MINUTE
    assert horizon(rule, {DO: 20 * MINUTE, TEMP: 4 * MINUTE}, 0) == 20 * MINUTE
    hourly = composite(BOTH, interval_ms=60 * MINUTE)
    assert horizon(hourly, {DO: 184 * MINUTE, TEMP: 4 * MINUTE}, 0) == 4 * MINUTE  # three of its intervals


def test_late_readings_reach_nowhere_and_say_nothing() -> None:
    rule = composite(BOTH)
    late = [JudgedReading(t * MINUTE, 32.0, Quality.GOOD, (t + 20) * MINUTE) for t in range(10)]
    given_blocks = {DO: ReadingBlock.of(read_series("3x10", MINUTE)), TEMP: ReadingBlock.of(late)}
    assert reached_by(rule, given_blocks) == {DO: 9 * MINUTE}
    assert set(shown(verdicts(rule, given_blocks, -MINUTE, 9 * MINUTE))[1:]) == {(t, None) for t in range(10)}


VALUES = st.lists(st.one_of(st.sampled_from([3.0, 5.0, 30.0, 32.0]), st.none()), min_size=5, max_size=60)


@given(VALUES, VALUES, st.lists(st.integers(1, 20), min_size=1, max_size=20))
def test_however_the_time_is_cut_the_alarms_are_the_same(
    do: list[float | None], temp: list[float | None], cuts: list[int]
) -> None:
    rule = composite({"any": [BOTH, {"not": "low"}]}, on=3, off=4)
    given_blocks = {DO: _block(do, 0), TEMP: _block(temp, 20_000)}
    end = 60 * MINUTE
    whole = step(rule.rule, RuleState(), verdicts(rule, given_blocks, -MINUTE, end))
    state, decisions, at = RuleState(), list[Decision](), -MINUTE
    for cut in [*cuts, 200]:
        until = min(end, at + cut * MINUTE)
        if until > at:
            seen = {channel: block.since(at - rule.memory_ms) for channel, block in given_blocks.items()}
            outcome = step(rule.rule, state, verdicts(rule, seen, at, until))
            state, decisions, at = outcome.state, decisions + outcome.decisions, until
    assert told(decisions) == told(whole.decisions)


def _block(values: list[float | None], shift_ms: int) -> ReadingBlock:
    times = [i * MINUTE + shift_ms for i in range(len(values))]
    return ReadingBlock.of(
        JudgedReading(t, v, Quality.GOOD, t) for t, v in zip(times, values, strict=True) if v is not None
    )


def test_blocks_of_members_may_be_missing() -> None:
    empty: Mapping[str, ReadingBlock] = {}
    assert shown(verdicts(composite(BOTH), empty, 0, MINUTE)) == [(0, None), (1, None)]
