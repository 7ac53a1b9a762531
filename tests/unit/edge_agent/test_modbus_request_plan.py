"""Requests planned from registers. Figures of the gap budget: 9600 baud, 25 ms to answer (paced-line measurement)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus.request_plan import (
    Function,
    PlanError,
    RegisterPart,
    RegisterSpan,
    gap_budget,
    parts,
    plan,
    together,
)

HOLDING = Function.HOLDING


@st.composite
def disjoint_spans(draw: st.DrawFn) -> list[RegisterSpan]:
    spans = []
    for function in draw(st.sets(st.sampled_from(Function), min_size=1)):
        at = 0
        for gap, count in draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=20)):
            spans.append(RegisterSpan(function, at + gap, count))
            at += gap + count
    return draw(st.permutations(spans))


@given(disjoint_spans(), st.integers(0, 30), st.integers(8, 125))
def test_a_plan_covers_each_register_once(spans: list[RegisterSpan], max_gap: int, max_count: int) -> None:
    blocks = plan(spans, max_gap, max_count)
    asked = [(block.function, address) for block in blocks for address in range(block.at, block.end)]
    assert len(asked) == len(set(asked))
    assert all(sum(block.covers(span) for block in blocks) == 1 for span in spans)


@given(disjoint_spans(), st.integers(0, 30), st.integers(8, 125))
def test_a_request_keeps_to_its_bounds(spans: list[RegisterSpan], max_gap: int, max_count: int) -> None:
    for block in plan(spans, max_gap, max_count):
        unit = 16 if block.function.is_bits else 1
        assert block.count <= max_count * unit
        wanted = sorted((span for span in spans if block.covers(span)), key=lambda span: span.at)
        assert wanted[0].at == block.at
        assert max(span.end for span in wanted) == block.end
        ends = [block.at, *(span.end for span in wanted)]
        assert all(span.at - end <= max_gap * unit for span, end in zip(wanted, ends, strict=False))


@given(disjoint_spans(), st.integers(8, 125))
def test_a_device_that_refuses_gaps_is_asked_for_nothing_else(spans: list[RegisterSpan], max_count: int) -> None:
    asked = {(block.function, a) for block in plan(spans, 0, max_count) for a in range(block.at, block.end)}
    assert asked == {(span.function, a) for span in spans for a in range(span.at, span.end)}


@given(st.lists(disjoint_spans(), min_size=1, max_size=4), st.integers(0, 30), st.integers(8, 125))
def test_each_signal_is_whole_in_one_part_and_no_request_is_in_two(
    signals: list[list[RegisterSpan]], max_gap: int, max_count: int
) -> None:
    needs = {f"s{i}": spans or [RegisterSpan(HOLDING, 0, 1)] for i, spans in enumerate(signals)}
    made = parts(needs, max_gap, max_count)
    assert sorted(name for part in made for name in part.signals) == sorted(needs)
    blocks = [block for part in made for block in part.blocks]
    assert len(blocks) == len(set(blocks))
    for part in made:
        for name in part.signals:
            assert all(any(block.covers(span) for block in part.blocks) for span in needs[name])


def test_codes_status_and_values_in_three_places_are_one_part() -> None:
    codes, a, b = RegisterSpan(HOLDING, 128, 2), RegisterSpan(HOLDING, 256, 1), RegisterSpan(HOLDING, 384, 2)
    made = parts(
        {"do": [codes, a, b], "ph": [codes, RegisterSpan(HOLDING, 257, 1), RegisterSpan(HOLDING, 386, 2)]}, 16, 100
    )
    assert made == [RegisterPart((codes, RegisterSpan(HOLDING, 256, 2), RegisterSpan(HOLDING, 384, 4)), ("do", "ph"))]


def test_aqua_troll_blocks_are_grouped_across_small_gaps_only() -> None:
    spans = [RegisterSpan(HOLDING, at, 7) for at in (5450, 5513, 5562, 5583, 5590)]
    assert plan(spans, 16, 60) == [
        RegisterSpan(HOLDING, 5450, 7),
        RegisterSpan(HOLDING, 5513, 7),
        RegisterSpan(HOLDING, 5562, 35),
    ]


def test_a_slow_line_allows_a_small_gap_and_a_network_the_largest() -> None:
    assert 16 <= gap_budget(9600, 25) <= 20
    assert gap_budget(1200, 25) < gap_budget(9600, 25) < gap_budget(115200, 25) == gap_budget(None, 0)


def test_value_and_status_are_read_in_one_request_where_one_can_hold_them() -> None:
    assert together([RegisterSpan(HOLDING, 0, 2), RegisterSpan(HOLDING, 20, 1)], 60) == [RegisterSpan(HOLDING, 0, 21)]
    far = [RegisterSpan(HOLDING, 256, 1), RegisterSpan(HOLDING, 384, 2)]
    assert together(reversed(far), 60) == far
    apart = [RegisterSpan(Function.DISCRETE, 15, 1), RegisterSpan(Function.INPUT, 18, 2)]
    assert together(apart, 60) == apart


def test_two_signals_that_share_a_status_word_are_read_once() -> None:
    signals = [together([RegisterSpan(HOLDING, 2, 1), RegisterSpan(HOLDING, at, 2)], 60) for at in (10, 20)]
    assert plan([span for signal in signals for span in signal], 0, 60) == [RegisterSpan(HOLDING, 2, 20)]


def test_a_span_longer_than_a_request_is_refused_with_what_to_do() -> None:
    with pytest.raises(PlanError, match="raise max_registers"):
        plan([RegisterSpan(HOLDING, 0, 61)], 0, 60)
