"""A rule that is left to rest would have come out of the round at rest: held against the machine on random rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.evaluating.evaluation import RuleState, step
from alerts.evaluating.resting_rules import RestingRules
from alerts.evaluating.rule_limits import LOOKS_BACK
from alerts.rules.block import JudgedReading, JudgedReadings, ReadingBlock, joined
from alerts.rules.rule import ChannelRule, Measure, MeasureKind, memory_ms
from quantrac.config.rules import Level, Side
from quantrac.telemetry.quality import Quality
from quantrac.telemetry.severity import Severity
from quantrac.telemetry.states import State
from tests.unit.alerts.rules import MINUTE, oxygen_rule


def level(side: Side, limit: float) -> Level:
    return Level("act", side, limit, None, 2 * MINUTE, 3 * MINUTE, Severity.HIGH)


def rule(name: str, measure: Measure, *levels: Level) -> ChannelRule:
    return replace(oxygen_rule(*levels), rule=name, measure=measure)


LOW = rule("low", Measure(), level(Side.BELOW, 3.0), level(Side.ABOVE, 9.0))
FAULT = rule("fault", Measure(MeasureKind.STATE, 0, frozenset({State.FAULT})), level(Side.ABOVE, 0.5))
FALL = rule("fall", Measure(MeasureKind.CHANGE, 12 * MINUTE), level(Side.BELOW, -1.5), level(Side.ABOVE, 2.5))
SWING = rule("swing", Measure(MeasureKind.SWING, 20 * MINUTE), level(Side.ABOVE, 2.0))
CHANNELS = {3: [LOW, FALL, SWING], 7: [LOW, FAULT], 11: [FALL]}

values = st.sampled_from([4.0, 4.2, 4.5, 5.0, 5.4, 6.1, 2.8, None])
quality = st.sampled_from([Quality.GOOD] * 5 + [Quality.FAIL])
pieces = st.tuples(values, quality, st.sampled_from([State.OK] * 5 + [State.FAULT]), st.integers(1, 12))
rounds = st.lists(
    st.tuples(
        st.fixed_dictionaries({id_: st.lists(pieces, max_size=2) for id_ in CHANNELS}),
        st.sampled_from([0, 0, 0, 1, 20]),
        st.sampled_from([False] * 6 + [True]),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=100)
@given(rounds)
def test_what_is_left_to_rest_would_have_come_out_at_rest(course: Sequence[tuple[dict, int, bool]]) -> None:  # type: ignore[type-arg]
    resting, states = RestingRules(CHANNELS), dict[tuple[str, int], RuleState]()
    stored: dict[int, list[JudgedReading]] = {id_: [] for id_ in CHANNELS}
    for read, late_minutes, is_forgotten in course:
        new = {id_: following(stored[id_], runs, late_minutes) for id_, runs in read.items() if runs}
        if is_forgotten:
            resting.forget(CHANNELS)
        stirring = [key for key, state in states.items() if not state.is_at_rest]
        back = {id_ for name, id_ in stirring if name in ("fall", "swing")}
        woken = resting.woken(readings(new), {id_ for _, id_ in stirring}, back)
        for place, (id_, samples) in enumerate(sorted(new.items())):
            stored[id_] += samples
            block = replace(ReadingBlock.of(stored[id_]), start_ms=samples[0].t_ms)
            for own in CHANNELS[id_]:
                outcome = step(own, states.get((own.rule, id_), RuleState()), block)
                states[own.rule, id_] = outcome.state
                woke = woken.looking_back if own.measure.kind in LOOKS_BACK else woken.at_once
                if not woke[place]:
                    assert outcome.state.is_at_rest
                    assert not outcome.decisions
                    assert outcome.state.cursor_ms == samples[-1].t_ms
            if woken.looking_back[place]:
                first_ms = samples[0].t_ms - memory_ms(CHANNELS[id_])
                resting.learn(CHANNELS[id_], id_, block.since(first_ms))


def test_quiet_readings_wake_nobody_once_the_past_is_known() -> None:
    resting = RestingRules(CHANNELS)
    stored = following([], [(4.2, Quality.GOOD, State.OK, 60)], 0)
    block = replace(ReadingBlock.of(stored), start_ms=stored[-1].t_ms)
    for id_ in (3, 11):
        resting.learn(CHANNELS[id_], id_, block)
    for _ in range(50):
        new = following(stored, [(4.3, Quality.GOOD, State.OK, 3)], 0)
        woken = resting.woken(readings(dict.fromkeys(CHANNELS, new)), (), ())
        stored += new
        assert not woken.at_once.any()
        assert not woken.looking_back.any()


def following(
    stored: Sequence[JudgedReading], runs: Sequence[tuple[float | None, Quality, State, int]], late_minutes: int
) -> list[JudgedReading]:
    """Return readings behind those stored, a minute apart; each received so many minutes later than its time."""
    t_ms = stored[-1].t_ms if stored else 0
    found: list[JudgedReading] = []
    for value, quality, state, times in runs:
        for _ in range(times):
            t_ms += MINUTE
            found.append(JudgedReading(t_ms, value, quality, t_ms + late_minutes * MINUTE, state))
    return found


def readings(new: dict[int, list[JudgedReading]]) -> JudgedReadings:
    blocks = {id_: ReadingBlock.of(samples) for id_, samples in sorted(new.items())}
    return joined(blocks)
