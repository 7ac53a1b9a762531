"""Whatever order a maker chose, the right way to read a value is marked, and the display decides."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.commissioning.interpretations import best, readings

ORDERS = {"ABCD": (0, 1, 2, 3), "CDAB": (2, 3, 0, 1), "BADC": (1, 0, 3, 2), "DCBA": (3, 2, 1, 0)}


def wire(value: float, order: str, at: int) -> dict[int, int]:
    """Registers as an instrument of this order sends them; made here with struct, not with the decoder under test."""
    raw = struct.pack(">f", value)
    sent = bytes(raw[place] for place in ORDERS[order])
    return {at: int.from_bytes(sent[:2]), at + 1: int.from_bytes(sent[2:])}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("base", [0, 1])
@given(value=st.floats(0.015625, 5000, width=32))
def test_what_the_display_shows_picks_order_and_base(order: str, base: int, value: float) -> None:
    words = {44: 0, 45: 0, 46: 0, 47: 0} | wire(value, order, 46 - base)
    chosen = best(readings(words, 46, ["float32"], expect=value))
    assert (order, base) in [(one.order, one.base) for one in chosen]
    assert all(one.value == pytest.approx(value, rel=0.006) for one in chosen)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("value", [0.02, 1.0, 7.62, 28.41, 35.2, 812.0, 1013.25])
def test_without_a_display_the_true_one_is_among_the_few_plausible_ones(order: str, value: float) -> None:
    found = readings({45: 0xFFFF, 48: 0} | wire(value, order, 46), 46, ["float32"])
    chosen = best(found)
    assert (order, 0) in [(one.order, one.base) for one in chosen]
    assert len(chosen) < len(found)


def test_a_scaled_whole_number_is_found() -> None:
    (one,) = best(readings({9: 0, 10: 762, 11: 0}, 10, ["int16"], expect=7.62))
    assert (one.order, one.base, one.scale) == ("ABCD", 0, 0.01)


def test_what_was_not_read_is_not_interpreted() -> None:
    assert {one.base for one in readings({0: 1, 1: 2}, 0, ["float32"])} == {0}
    assert readings({}, 5) == []


def test_not_a_number_is_no_value() -> None:
    assert readings({0: 0x7FC0, 1: 0}, 0, ["float32"])[0].value is None
