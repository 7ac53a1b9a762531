"""What must hold of the service ledger whatever a season looks like, on made-up seasons with known errors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantrac.quality.accuracy import CLASSES, Accuracy
from quantrac.quality.proposals import Proposal, ProposalKind, proposals_of
from quantrac.quality.series import DeviceSeries
from quantrac.quality.services import LogEntry
from tests.unit.quality.recorded_season import EVERY, HOUR, LOG, SERVICES, TIMES, fouled, season

few = settings(max_examples=8, deadline=None, derandomize=True)
DAY_US = 24 * HOUR


def changed(series: DeviceSeries, *, factor: float = 1.0, added: float = 0.0, later: int = 0) -> DeviceSeries:
    values = {name: factor * column + added for name, column in series.values.items()}
    return DeviceSeries(series.time_us + later, values, series.resolution, series.interval_s)


def rounded(proposals: list[Proposal]) -> list[tuple[object, ...]]:
    return [
        (p.kind, p.parameter, p.from_us, p.until_us, round(p.added, 3), round(p.gap, 3), round(p.confidence, 3))
        for p in sorted(proposals, key=lambda p: (p.parameter, p.kind, p.from_us))
    ]


@few
@given(drift=st.floats(1.5, 6), falls=st.booleans(), deployment=st.integers(0, 2), seed=st.integers(0, 1000))
def test_a_drift_comes_back_within_what_tide_and_day_leave_unsure(
    drift: float, falls: bool, deployment: int, seed: int
) -> None:
    error = -drift if falls else drift
    found = proposals_of(season({"ec": fouled({deployment: error})}, seed=seed), LOG)
    # What fouls conducts less, and is flagged alone; no film makes a sensor read too much.
    kind = ProposalKind.FLAG if falls else ProposalKind.DRIFT
    (correction,) = [one for one in found if one.kind is kind]
    assert len(found) == (1 if falls else 2)
    assert correction.parameter == "ec"
    if falls:
        assert correction.gap == pytest.approx(-error, abs=0.6)
    else:
        assert (correction.added, correction.gap) == pytest.approx((0, -error), abs=0.6)  # steps are unsure by 0.15
    assert correction.until_us == SERVICES[deployment] - EVERY


@few
@given(constant=st.floats(-3, 3), seed=st.integers(0, 1000))
def test_a_constant_on_all_deployments_changes_nothing(constant: float, seed: int) -> None:
    accuracy = {name: Accuracy(one.absolute) for name, one in CLASSES.items()}
    series = season({"ec": fouled({1: -3.0}), "ph": fouled({2: 1.0})}, seed=seed)
    before = proposals_of(series, LOG, accuracy=accuracy)
    assert before
    assert rounded(proposals_of(changed(series, added=constant), LOG, accuracy=accuracy)) == rounded(before)


@few
@given(order=st.permutations(LOG), twice=st.sampled_from(LOG))
def test_the_order_of_a_log_and_an_entry_written_twice_change_nothing(order: list[LogEntry], twice: LogEntry) -> None:
    series = season({"ec": fouled({1: -3.0})})
    assert proposals_of(series, [*order, twice]) == proposals_of(series, LOG)


@few
@given(days=st.integers(-2000, 2000))
def test_the_same_season_in_other_years_has_the_same_proposals(days: int) -> None:
    series = season({"ec": fouled({1: -3.0})})
    then = [LogEntry(entry.from_us + days * DAY_US, entry.until_us + days * DAY_US) for entry in LOG]
    back = [
        replace(one, from_us=one.from_us - days * DAY_US, until_us=one.until_us - days * DAY_US)
        for one in proposals_of(changed(series, later=days * DAY_US), then)
    ]
    assert rounded(back) == rounded(proposals_of(series, LOG))


def test_micro_and_millisiemens_have_the_same_proposals() -> None:
    series = season({"ec": fouled({1: -3.0})})
    milli = {name: Accuracy(one.absolute) for name, one in CLASSES.items()}
    micro = {name: Accuracy(1000 * one.absolute) for name, one in milli.items()}
    scaled = [
        replace(one, added=one.added / 1000, gap=one.gap / 1000)
        for one in proposals_of(changed(series, factor=1000), LOG, accuracy=micro)
    ]
    assert rounded(scaled) == rounded(proposals_of(series, LOG, accuracy=milli))


def test_a_second_service_of_the_same_day_hides_no_drift() -> None:
    again = [entry for at in SERVICES for entry in (LogEntry(at - EVERY, at), LogEntry(at + 2 * HOUR, at + 3 * HOUR))]
    series = season({"ec": fouled({1: 3.0})})
    for log in (
        again,
        [LogEntry(at - EVERY, at + 5 * HOUR) for at in SERVICES],
        [*LOG, LogEntry(*[SERVICES[1] + 6 * HOUR] * 2)],
    ):
        (correction,) = [one for one in proposals_of(series, log) if one.kind is ProposalKind.DRIFT]
        assert correction.gap == pytest.approx(-3.0, abs=0.8)


def test_a_probe_changed_without_a_word_is_found_beside_a_log() -> None:
    wrong = np.where((SERVICES[1] <= TIMES) & (SERVICES[2] > TIMES), 1.0, 0.0)
    series = season({"ph": wrong, "do": 10 + 2 * wrong} | {"ec": fouled({0: -3.0})}, extra={"do": 0.05})
    found = proposals_of(series, LOG[:1])
    assert {"ph", "do", "ec"} == {one.parameter for one in found if one.kind is ProposalKind.FLAG}
    unwritten = [one for one in found if one.parameter in ("ph", "do")]
    assert all("not_logged" in [reason.key for reason in one.reasons] for one in unwritten)
    assert all(abs(one.from_us - SERVICES[1]) < HOUR for one in unwritten)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_gaps_all_over_a_season_invent_nothing_and_leave_a_large_drift_seen(share: float) -> None:
    there = np.random.default_rng(5).random(len(TIMES) // 96 * 4).repeat(24)[: len(TIMES)] >= share * 0.5

    def gapped(series: DeviceSeries) -> DeviceSeries:
        values = {name: np.where(there, column, np.nan) for name, column in series.values.items()}
        return DeviceSeries(series.time_us, values, series.resolution, series.interval_s)

    assert proposals_of(gapped(season()), LOG) == []
    found = proposals_of(gapped(season({"ec": fouled({1: 8.0})})), LOG)
    assert all(one.parameter == "ec" for one in found)
    assert any(one.gap == pytest.approx(-8, abs=2) for one in found if one.kind is ProposalKind.DRIFT)
