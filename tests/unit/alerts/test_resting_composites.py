"""A composite rule that is left to rest would have come out at rest: held against the exact evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.evaluating.composites import CompositeState, advanced, rested
from alerts.evaluating.resting_composites import RestingComposites
from alerts.rules.block import JudgedReading, ReadingBlock, joined
from alerts.rules.composite import CONDITION, CompositeRule, Member
from alerts.rules.rule import Measure, MeasureKind
from quantrac.config.composites import parse_expression
from quantrac.config.rules import Level, Side
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.states import State
from tests.unit.alerts.rules import MINUTE, oxygen_rule

DO, TEMP, DOOR = "st-x/do", "st-x/water_temp", "st-x/door"
IDS = {DO: 3, TEMP: 7, DOOR: 11}
VALUE, FAULT = Measure(), Measure(MeasureKind.STATE, 0, frozenset({State.FAULT}))
FALL, SWING = Measure(MeasureKind.CHANGE, 6 * MINUTE), Measure(MeasureKind.SWING, 9 * MINUTE)


def member(name: str, channel: str, side: Side, limit: float, measure: Measure = VALUE) -> Member:
    level = Level(CONDITION, side, limit, None, 0, 0, Severity.LOW)
    return Member(name, replace(oxygen_rule(level), channel=channel, measure=measure))


MEMBERS = (
    member("low", DO, Side.BELOW, 3.5),
    member("falls", DO, Side.BELOW, -1.0, FALL),
    member("warm", TEMP, Side.ABOVE, 32.0),
    member("swings", TEMP, Side.ABOVE, 3.0, SWING),
    member("broken", DOOR, Side.ABOVE, 0.5, FAULT),
)
EXPRESSIONS: tuple[object, ...] = (
    {"all": ["warm", {"any": ["low", "falls"]}]},
    {"any": ["broken", {"all": ["low", "swings"]}]},
    {"all": ["warm", {"not": "low"}]},
    {"all": ["broken", "warm"]},
)
ACT = Level("act", Side.ABOVE, 0.5, 0.5, 2 * MINUTE, 3 * MINUTE, Severity.HIGH)


def composite(number: int, when: object) -> CompositeRule:
    expression = parse_expression(when)
    own = tuple(one for one in MEMBERS if one.name in set(expression.names()))
    measure = Measure(MeasureKind.COMPOSITE)
    return CompositeRule(replace(oxygen_rule(ACT), rule=f"r{number}", channel="st-x", measure=measure), own, expression)


RULES = [composite(number, when) for number, when in enumerate(EXPRESSIONS)]

values = {
    DO: st.sampled_from([5.4, 5.2, 5.0, 4.6, 4.1, 3.2, None]),
    TEMP: st.sampled_from([30.0, 30.5, 31.9, 33.0, 33.5, None]),
    DOOR: st.sampled_from([0.0, None]),
}
kinds = st.tuples(st.sampled_from([Quality.GOOD] * 6 + [Quality.FAIL]), st.sampled_from([State.OK] * 8 + [State.FAULT]))
"""Of a round: the pieces (value, quality, state, minutes) of each channel; some channels are silent or behind."""
rounds = st.lists(
    st.fixed_dictionaries(
        {channel: st.lists(st.tuples(own, kinds, st.integers(1, 9)), max_size=2) for channel, own in values.items()}
    ),
    min_size=1,
    max_size=12,
)
WARM_BEFORE_LOW = [
    {DO: [], TEMP: [(33.0, (Quality.GOOD, State.OK), 4)], DOOR: []},
    {DO: [(3.2, (Quality.GOOD, State.OK), 4)], TEMP: [], DOOR: []},
]
"""What a member said before the others had come so far counts when they have."""


@settings(max_examples=60)
@given(rounds, st.sets(st.integers(0, 11), max_size=2))
@example(WARM_BEFORE_LOW, set())
def test_what_is_left_to_rest_would_have_come_out_at_rest(
    course: Sequence[Mapping[str, list[tuple[float | None, tuple[Quality, State], int]]]], forgotten: set[int]
) -> None:
    resting, stored = RestingComposites(RULES, IDS), dict[str, list[JudgedReading]]()
    states = [CompositeState(-MINUTE) for _ in RULES]
    for number, pieces in enumerate(course):
        new = {channel: following(stored.setdefault(channel, []), own) for channel, own in pieces.items()}
        if number in forgotten:
            resting.forget(IDS.values())
        read = {IDS[channel]: ReadingBlock.of(new[channel]) for channel in IDS if new[channel]}
        may_hold = resting.may_hold(joined(read), np.array([state.known_ms for state in states]))
        newest = {channel: samples[-1].t_ms for channel, samples in new.items() if samples}
        blocks = {channel: ReadingBlock.of(samples) for channel, samples in stored.items()}
        for place, (rule, before) in enumerate(zip(RULES, states, strict=True)):
            states[place], decisions = advanced(rule, before, blocks)
            if before.machine.is_at_rest and not may_hold[place]:
                after = rested(rule, before, newest)
                assert not decisions
                assert states[place].machine.is_at_rest
                assert (after.known_ms, after.reached) == (states[place].known_ms, states[place].reached)
            elif number % 2:
                resting.learn(place, blocks, before.known_ms)


def test_quiet_readings_wake_only_what_denies_something() -> None:
    resting, stored = RestingComposites(RULES, IDS), dict[str, list[JudgedReading]]()
    good = (Quality.GOOD, State.OK)
    for minute in range(0, 60, 3):
        new = {
            channel: following(stored.setdefault(channel, []), [(value, good, 3)])
            for channel, value in ((DO, 5.0), (TEMP, 33.0), (DOOR, 0.0))
        }
        read = joined({IDS[channel]: ReadingBlock.of(samples) for channel, samples in new.items()})
        may_hold = resting.may_hold(read, np.full(len(RULES), (minute - 1) * MINUTE))
        if minute > 9:  # how far values moved is known
            assert may_hold.tolist() == [False, False, True, False]


def following(
    stored: list[JudgedReading], pieces: Sequence[tuple[float | None, tuple[Quality, State], int]]
) -> list[JudgedReading]:
    """Store readings behind those stored, a minute apart, each received at its time; return them."""
    t_ms, found = stored[-1].t_ms if stored else -MINUTE, list[JudgedReading]()
    for value, (quality, state), times in pieces:
        for _ in range(times):
            t_ms += MINUTE
            found.append(JudgedReading(t_ms, value, quality, t_ms, state))
    stored += found
    return found
