"""Bias of a sensor beside a laboratory's result: difference, per cent, tolerance, limits of detection."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantrac.desks.bias import Bias, ComparisonSettings, LaboratoryValue, Tolerance, bias_of, laboratory_value
from quantrac.desks.entries import BadEntry
from quantrac.desks.laboratory_results import LaboratoryResult, value_of

BOTH = Tolerance(0.3, 5.0, "a test")
HUNDREDTHS = st.integers(0, 100_000)


@given(HUNDREDTHS, HUNDREDTHS, HUNDREDTHS, st.integers(0, 10_000))
def test_bias_and_verdict_are_those_of_exact_decimal_numbers(beside: int, found: int, units: int, percent: int) -> None:
    """The independent formula is of whole hundredths, in which nothing is rounded."""
    tolerance = Tolerance(units / 100, percent / 100, "a test")
    said = bias_of(LaboratoryValue(found / 100, None), beside / 100, tolerance)
    allowed = max(Decimal(units), Decimal(found) * Decimal(percent) / 10_000)
    assert said.difference == pytest.approx((beside - found) / 100, abs=1e-9)
    assert said.allowed == pytest.approx(float(allowed) / 100)
    assert said.percent == (None if found == 0 else pytest.approx((beside - found) / found * 100))
    off = abs(beside - found)
    if off != allowed:  # where they are equal see below
        assert said.verdict == ("within" if off < allowed else "beyond")


def test_a_sensor_that_is_off_by_just_the_tolerance_is_within_it() -> None:
    for beside, found in ((4.2, 3.9), (3.6, 3.9), (0.1 + 0.2, 0.0)):
        assert bias_of(LaboratoryValue(found, None), beside, Tolerance(0.3, None, "x")).verdict == "within"
    assert bias_of(LaboratoryValue(3.9, None), 4.2001, Tolerance(0.3, None, "x")).verdict == "beyond"


def test_below_the_limit_of_detection_only_what_is_farther_above_it_is_beyond() -> None:
    limit = LaboratoryValue(None, 0.02)
    tolerance = Tolerance(0.25, 5.0, "a test")
    for beside, verdict in ((0.0, "within"), (0.26, "within"), (0.28, "beyond")):
        assert tuple(bias_of(limit, beside, tolerance)) == (None, None, 0.25, verdict), beside


def test_nothing_is_said_of_what_nobody_can_know() -> None:
    value = LaboratoryValue(5.0, None)
    assert bias_of(value, None, BOTH) == Bias(None, None, 0.3, None)
    assert bias_of(value, 5.5, None) == Bias(0.5, 10.0, None, None)
    assert bias_of(LaboratoryValue(1e-300, None), 1e300, BOTH).percent is None
    assert ComparisonSettings.of({}) == (900_000, {})
    kept = {"around_ms": 60_000, "tolerances": {"do": {"units": 0.3, "percent": None, "source": "x"}}}
    assert ComparisonSettings.of(kept).tolerances == {"do": Tolerance(0.3, None, "x")}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("4.2", (4.2, None)), (" 4,2 ", (4.2, None)), ("-0,5", (-0.5, None)), ("1e-3", (0.001, None)),
        ("<0.02", (None, 0.02)), ("< 0,02", (None, 0.02)), ("KPH (LOD = 0,02)", (None, 0.02)),
        ("kph<0.02", (None, 0.02)), ("−0,5", (-0.5, None)), ("ND (<0.5)", (None, 0.5)), ("KPH(MDL:0,1)", (None, 0.1)),
        ("KPH", None), ("", None), ("0,o2", None), ("1.234,5", None), ("1e999", None), ("nan", None), ("inf", None),
        ("<0", None), ("<-1", None), ("4.2 mg/l", None), ("١٢", None), (">5", None), ("<1e999", None),
    ],
)  # fmt: skip
def test_what_laboratories_write_is_read_and_nothing_else(said: str, found: tuple[float | None, float | None]) -> None:
    assert laboratory_value(said) == found


def test_a_result_that_reads_differently_in_two_languages_is_asked_about() -> None:
    for said, either in (("2.400", "2400 or 2.4000"), ("2,400", "2400 or 2,4000"), ("KPH (<1,500)", "1500 or 1,5000")):
        with pytest.raises(BadEntry, match=f"two ways: write {either}"):
            value_of(LaboratoryResult("tss", said, "", ""))
    for said, value in (("0.400", 0.4), ("2.4000", 2.4), ("2400", 2400.0), ("1.234e0", 1.234)):
        assert value_of(LaboratoryResult("tss", said, "", "")).value == value
