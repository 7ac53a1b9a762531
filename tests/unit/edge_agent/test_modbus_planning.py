"""Requests planned from registers. Figures of the gap budget: 9600 baud, 25 ms to answer (paced-line measurement)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.modbus.planning import Function, PlanError, Span, gap_budget, plan, together, without_gaps

HOLDING = Function.HOLDING


@st.composite
def disjoint_spans(draw: st.DrawFn) -> list[Span]:
    spans = []
    for function in draw(st.sets(st.sampled_from(Function), min_size=1)):
        at = 0
        for gap, count in draw(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 8)), max_size=20)):
            spans.append(Span(function, at + gap, count))
            at += gap + count
    return draw(st.permutations(spans))


@given(disjoint_spans(), st.integers(0, 30), st.integers(8, 125))
def test_a_plan_covers_each_register_once(spans: list[Span], max_gap: int, max_count: int) -> None:
    blocks = plan(spans, max_gap, max_count)
    asked = [(block.function, address) for block in blocks for address in range(block.at, block.end)]
    assert len(asked) == len(set(asked))
    assert all(sum(block.covers(span) for block in blocks) == 1 for span in spans)


@given(disjoint_spans(), st.integers(0, 30), st.integers(8, 125))
def test_a_request_keeps_to_its_bounds(spans: list[Span], max_gap: int, max_count: int) -> None:
    for block in plan(spans, max_gap, max_count):
        unit = 16 if block.function.is_bits else 1
        assert block.count <= max_count * unit
        wanted = sorted(span for span in spans if block.covers(span))
        assert wanted[0].at == block.at
        assert max(span.end for span in wanted) == block.end
        ends = [block.at, *(span.end for span in wanted)]
        assert all(span.at - end <= max_gap * unit for span, end in zip(wanted, ends, strict=False))


@given(disjoint_spans(), st.integers(0, 30), st.integers(8, 125))
def test_a_device_that_refuses_gaps_is_asked_for_nothing_else(spans: list[Span], max_gap: int, max_count: int) -> None:
    for block in plan(spans, max_gap, max_count):
        wanted = {address for span in spans if block.covers(span) for address in range(span.at, span.end)}
        parts = without_gaps(spans, block, max_count)
        assert {address for part in parts for address in range(part.at, part.end)} == wanted


def test_aqua_troll_blocks_are_grouped_across_small_gaps_only() -> None:
    spans = [Span(HOLDING, at, 7) for at in (5450, 5513, 5562, 5583, 5590)]
    assert plan(spans, 16, 60) == [Span(HOLDING, 5450, 7), Span(HOLDING, 5513, 7), Span(HOLDING, 5562, 35)]


def test_a_slow_line_allows_a_small_gap_and_a_network_the_largest() -> None:
    assert 16 <= gap_budget(9600, 25) <= 20
    assert gap_budget(1200, 25) < gap_budget(9600, 25) < gap_budget(115200, 25) == gap_budget(None, 0)


def test_value_and_status_are_read_in_one_request_where_one_can_hold_them() -> None:
    assert together([Span(HOLDING, 0, 2), Span(HOLDING, 20, 1)], 60) == [Span(HOLDING, 0, 21)]
    assert together([Span(HOLDING, 384, 2), Span(HOLDING, 256, 1)], 60) == [Span(HOLDING, 256, 1), Span(HOLDING, 384, 2)]
    apart = [Span(Function.DISCRETE, 15, 1), Span(Function.INPUT, 18, 2)]
    assert together(apart, 60) == apart


def test_two_signals_that_share_a_status_word_are_read_once() -> None:
    signals = [together([Span(HOLDING, 2, 1), Span(HOLDING, at, 2)], 60) for at in (10, 20)]
    assert plan([span for signal in signals for span in signal], 0, 60) == [Span(HOLDING, 2, 20)]


def test_a_span_longer_than_a_request_is_refused_with_what_to_do() -> None:
    with pytest.raises(PlanError, match="raise max_registers"):
        plan([Span(HOLDING, 0, 61)], 0, 60)
