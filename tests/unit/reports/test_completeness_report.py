"""Spans of the completeness report, its sums, and its figures for people."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from quantrac.telemetry.gaps import GapCause
from reports.completeness.days import ChannelPeriod, share_of
from reports.completeness.report import CompletenessRow, _row, as_csv, percent, with_sums
from reports.spans import BadSpan, ReportSpan


@pytest.mark.parametrize(
    ("name", "first", "last", "word"),
    [
        ("2026-10-03", date(2026, 10, 3), date(2026, 10, 3), "day"),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31), "month"),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29), "month"),
        ("2026", date(2026, 1, 1), date(2026, 12, 31), "year"),
        ("2028", date(2028, 1, 1), date(2028, 12, 31), "year"),
    ],
)
def test_a_span_is_a_day_a_month_or_a_year(name: str, first: date, last: date, word: str) -> None:
    span = ReportSpan.of(name)
    assert (span.first, span.last, span.word) == (first, last, word)


@pytest.mark.parametrize("name", ["", "26", "2026-13", "2026-02-30", "2026-1", "0001", "9999", "2026-10-03T00:00"])
def test_another_span_is_refused_with_the_three_forms(name: str) -> None:
    with pytest.raises(BadSpan, match="expected a day, month or year: 2026-10-03, 2026-10, 2026"):
        ReportSpan.of(name)


def test_a_year_is_the_sum_of_its_months() -> None:
    january = CompletenessRow("st-a", "st-a/do", "2026-01", 100, 90, 80, {GapCause.LINK: 10, GapCause.TEST: 10})
    february = CompletenessRow("st-a", "st-a/do", "2026-02", 300, 300, 270, {GapCause.TEST: 30})
    whole = CompletenessRow("st-a", "st-a/do", "2026", 400, 390, 350, {GapCause.LINK: 10, GapCause.TEST: 40})
    assert list(with_sums([january, february], "2026")) == [january, february, whole]
    assert (whole.received_share, whole.valid_share) == (0.975, 0.875)
    assert as_csv([whole]).splitlines() == [
        "station,channel,period,expected,received,received_percent,counted,valid_percent,lacking_link,lacking_power,"
        "lacking_calibration,lacking_maintenance,lacking_out_of_service,lacking_fault,lacking_test,lacking_centre,"
        "lacking_unknown",
        "st-a,st-a/do,2026,400,390,97.50,350,87.50,10,0,0,0,0,0,40,0,0",
    ]


@pytest.mark.parametrize(
    ("counted", "lacking"),
    [
        (80, {GapCause.LINK: 6, GapCause.TEST: 3, GapCause.UNKNOWN: 11}),
        (90, {GapCause.LINK: 6, GapCause.TEST: 3, GapCause.UNKNOWN: 1}),
        (93, {GapCause.LINK: 6, GapCause.TEST: 1}),
        (101, {}),
    ],
)
def test_causes_add_up_to_what_lacks_whatever_the_gaps_explain(counted: int, lacking: dict[GapCause, int]) -> None:
    causes = Counter({GapCause.UNKNOWN: 5, GapCause.LINK: 6, GapCause.TEST: 3})
    assert (
        _row(ChannelPeriod("st-a", "st-a/do", date(2026, 1, 1), 100, 100, counted), "2026-01", causes).lacking
        == lacking
    )


def test_a_hundred_percent_says_that_nothing_lacks() -> None:
    assert [percent(share_of(readings, 44_640)) for readings in (44_640, 44_639, 50_000, 0)] == [
        "100.00", "99.99", "100.00", "0.00",
    ]  # fmt: skip
    assert percent(share_of(0, 0)) == ""
    assert [percent(share_of(44_630, 44_640), decimals) for decimals in (0, 1, 2)] == ["99", "99.9", "99.97"]
    assert percent(share_of(93, 100), 0) == "93"
