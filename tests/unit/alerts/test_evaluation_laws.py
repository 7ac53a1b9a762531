"""Laws of evaluation, on random series, against a second, independent and slower definition."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.evaluating.evaluation import Decision, DecisionKind, RuleState, step
from alerts.rules.block import JudgedReading, ReadingBlock
from alerts.rules.rule import ChannelRule
from quantrac.telemetry.quality import Quality
from tests.unit.alerts.rules import ACT, DANGER, MINUTE, WATCH, oxygen_rule, run, told

VALUES = st.one_of(st.sampled_from([1.0, 1.9, 2.0, 2.2, 2.4, 2.9, 3.0, 3.2, 3.3, 3.4, 4.1, 4.3, 4.6]), st.none())
QUALITIES = st.sampled_from([Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.SUSPECT])


@st.composite
def series(draw: Callable[..., object]) -> list[JudgedReading]:
    """Runs of equal readings on the minute, some null, some suspect, some missing."""
    runs = st.lists(st.tuples(VALUES, QUALITIES, st.integers(1, 40), st.booleans()), min_size=1, max_size=12)
    samples: list[JudgedReading] = []
    slot = 0
    for value, quality, times, missing in draw(runs):  # type: ignore[attr-defined]
        if not missing or value is not None:
            samples += [JudgedReading((slot + i) * MINUTE, value, quality, (slot + i) * MINUTE) for i in range(times)]
        slot += times
    return samples


@given(series(), st.integers(1, 30))
def test_however_the_readings_are_cut_into_blocks_the_result_is_the_same(
    samples: list[JudgedReading], size: int
) -> None:
    rule = oxygen_rule()
    whole_state, whole = run(rule, samples)
    state, decisions = RuleState(), list[Decision]()
    for i in range(0, len(samples), size):
        outcome = step(rule, state, ReadingBlock.of(samples[i : i + size]))
        state, decisions = outcome.state, decisions + outcome.decisions
    assert (state, decisions) == (whole_state, whole)


@given(series())
def test_an_alarm_rises_changes_its_level_and_clears_in_that_order(samples: list[JudgedReading]) -> None:
    allowed = {
        DecisionKind.RAISED: {DecisionKind.CLEARED},
        DecisionKind.LEVEL: {DecisionKind.RAISED, DecisionKind.LEVEL},
        DecisionKind.CLEARED: {DecisionKind.RAISED, DecisionKind.LEVEL},
    }
    before = DecisionKind.CLEARED
    for decision in run(oxygen_rule(), samples)[1]:
        assert before in allowed[decision.kind]
        before = decision.kind


@given(series(), series())
def test_readings_repeated_or_from_the_past_change_nothing(
    samples: list[JudgedReading], others: list[JudgedReading]
) -> None:
    rule = oxygen_rule()
    state, _ = run(rule, samples)
    end = samples[-1].t_ms if samples else -1
    past = [sample for sample in samples + others if sample.t_ms <= end]
    for sample in past[:50]:
        assert step(rule, state, ReadingBlock.of([sample])).decisions == []
        assert step(rule, state, ReadingBlock.of([sample])).state == state


@settings(max_examples=200)
@given(series())
def test_a_single_level_agrees_with_its_definition_by_minutes(samples: list[JudgedReading]) -> None:
    cases = [(WATCH, 4.0, 4.3, 30, 30), (ACT, 3.0, 3.3, 10, 30), (DANGER, 2.0, 2.3, 5, 30)]
    for level, limit, clear, on_min, off_min in cases:
        events = by_minutes(samples, limit, clear, on_min, off_min)
        assert told(run(oxygen_rule(level), samples)[1]) == [(kind, level.name, minute) for kind, minute in events]


def by_minutes(
    samples: list[JudgedReading], limit: float, clear: float, on_min: int, off_min: int
) -> list[tuple[str, float]]:
    """Of the good readings `on_min` in a row below the limit raise, then `off_min` in a row above `clear` clear."""
    good = [(s.t_ms / MINUTE, s.value) for s in samples if s.value is not None and s.quality == Quality.GOOD]
    events: list[tuple[str, float]] = []
    start = 0
    for i, (minute, _) in enumerate(good):
        raised = bool(events) and events[-1][0] == "raised"
        length = off_min if raised else on_min
        window = [value for _, value in good[start : i + 1]][-length:]
        if len(window) == length and all(v > clear if raised else v < limit for v in window):
            events.append(("cleared" if raised else "raised", minute))
            start = i + 1
    return events


@given(series())
def test_every_level_change_names_a_level_whose_limit_was_crossed(samples: list[JudgedReading]) -> None:
    rule: ChannelRule = oxygen_rule()
    seen = [s.value for s in samples if s.value is not None]
    for decision in run(rule, samples)[1]:
        if decision.kind in (DecisionKind.RAISED, DecisionKind.LEVEL):
            assert decision.level is not None
            assert any(decision.level.holds(value) for value in seen)
