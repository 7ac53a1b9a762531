"""What the service ledger promises: truths of a made-up season come back from its readings alone."""

from __future__ import annotations

import re

import numpy as np
import pytest

from quantrac.quality.ledger import Deployment, deployments_of
from quantrac.quality.proposals import REASONS, Proposal, ProposalKind, Reason, proposals_of
from quantrac.quality.series import DeviceSeries
from quantrac.quality.services import LogEntry, Service, ServiceTrace, found_services, logged_services
from quantrac.quality.steps import ServiceStep, stepped, steps_of
from quantrac.quality.witnesses import Witness
from tests.unit.quality.recorded_season import EVERY, HOUR, LOG, SERVICES, START, TIMES, fouled, season

LOGGED = ServiceTrace.LOGGED
UNIT = HOUR // 4
"""Deployments of the ledger alone last 990 of these, ten days."""


def services(*traces: ServiceTrace) -> list[Service]:
    return [Service((1000 * k + 990) * UNIT, (1000 * k + 1000) * UNIT, trace) for k, trace in enumerate(traces)]


def divided(
    amounts: list[float], traces: list[ServiceTrace] | None = None, witnesses: list[Witness] | None = None
) -> list[Deployment]:
    steps = [ServiceStep(k, amount, 0.05) for k, amount in enumerate(amounts)]
    return deployments_of(
        services(*(traces or [LOGGED] * len(amounts))),
        steps,
        witnesses or [],
        (0, (1000 * len(amounts) + 900) * UNIT),
        0.1,
    )


class TestSteps:
    def test_a_step_is_told_beyond_the_tide_with_an_uncertainty_that_covers_moments_without_one(self) -> None:
        series = season({"ec": np.where(SERVICES[0] <= TIMES, 2.0, 0.0)})
        steps = steps_of(series, logged_services(series, LOG))["ec"]
        assert [step.service for step in steps] == [0, 1, 2]
        assert steps[0].amount == pytest.approx(2.0, abs=4 * steps[0].sigma)
        assert all(abs(step.amount) < 4 * step.sigma for step in steps[1:])
        assert all(step.sigma < 0.5 for step in steps)  # the tide itself goes by 1.6 in six hours

    def test_over_a_gap_of_a_day_whole_days_are_compared(self) -> None:
        gap = (SERVICES[0] <= TIMES) & (SERVICES[0] + 24 * HOUR > TIMES)
        moved = season({"ec": np.where(SERVICES[0] <= TIMES, 2.0, 0.0)})
        series = DeviceSeries(
            moved.time_us, {"ec": np.where(gap, np.nan, moved.values["ec"])}, moved.resolution, moved.interval_s
        )
        (step,) = steps_of(series, logged_services(series, [LogEntry(SERVICES[0], SERVICES[0] + 23 * HOUR)]))["ec"]
        assert step.amount == pytest.approx(2.0, abs=0.5)

    def test_what_a_lifted_sonde_read_before_its_service_is_no_step(self) -> None:
        lifted = (SERVICES[0] > TIMES) & (SERVICES[0] - 2 * HOUR <= TIMES)
        air = np.where(lifted, -30 + 5 * np.random.default_rng(3).normal(size=len(TIMES)), 0.0)
        series = season({"ec": air + np.where(SERVICES[0] <= TIMES, 2.0, 0.0)})
        step = steps_of(series, logged_services(series, LOG))["ec"][0]
        assert step.amount == pytest.approx(2.0, abs=4 * step.sigma)
        assert step.sigma < 0.5

    def test_a_break_that_moved_no_parameter_surely_is_no_service_unless_people_wrote_it_down(self) -> None:
        hours, logged, unknown = services(ServiceTrace.HOURS, LOGGED, ServiceTrace.JUMP)
        calm = {"ec": [ServiceStep(0, 0.2, 0.05), ServiceStep(1, 0.0, 0.05)], "ph": [ServiceStep(0, -0.1, 0.05)]}
        assert stepped([hours, logged, unknown], calm, 6.0) == [logged, unknown]
        moved = calm | {"ph": [ServiceStep(0, -0.4, 0.05)]}
        assert stepped([hours, logged, unknown], moved, 6.0) == [hours, logged, unknown]

    @pytest.mark.parametrize("count", [0, 1, 30])
    def test_few_readings_make_no_step_and_no_error(self, count: int) -> None:
        whole = season()
        series = DeviceSeries(whole.time_us[:count], {"ec": whole.values["ec"][:count]}, {}, 900.0)
        found = logged_services(series, [LogEntry(START + EVERY, START + EVERY)])
        assert all(not steps for steps in steps_of(series, found).values())
        assert proposals_of(series) == []
        assert proposals_of(series, [LogEntry(START + EVERY, START + EVERY)]) == []

    @pytest.mark.parametrize("still", [0.0, 7.6])
    def test_what_never_moves_says_nothing_and_hinders_nobody(self, still: float) -> None:
        """Such as salinity in fresh water all season, or a stuck sensor."""
        drift = season({"ec": np.where(SERVICES[0] > TIMES, -3.0, 0.0)})
        whole = DeviceSeries(
            drift.time_us, {**drift.values, "salinity": np.full(len(TIMES), still)}, drift.resolution, drift.interval_s
        )
        found = proposals_of(whole, LOG)
        assert {one.parameter for one in found} == {"ec"}
        assert found == proposals_of(drift, LOG)


class TestLedger:
    def test_a_step_that_no_other_undoes_is_drift_of_the_deployment_before_it(self) -> None:
        first, second, third = divided([1.0, 0.0])
        assert (first.start, first.end) == pytest.approx((0, -1), abs=0.01)
        assert (second.start, second.end, third.start, third.end) == pytest.approx((0, 0, 0, 0), abs=0.01)

    def test_a_step_up_and_the_step_down_after_it_are_an_offset(self) -> None:
        _, second, third = divided([2.0, -2.0])
        assert (second.start, second.end) == pytest.approx((2, 2), abs=0.01)
        assert (third.start, third.end) == pytest.approx((0, 0), abs=0.01)

    def test_one_step_that_nobody_wrote_down_is_nature_s_and_two_that_cancel_are_not(self) -> None:
        jump = ServiceTrace.JUMP
        assert all(abs(part.end) < 0.01 for part in divided([2.0, 0.0], [jump, LOGGED]))
        assert divided([2.0, -2.0], [jump, LOGGED])[1].start == pytest.approx(2, abs=0.01)

    def test_what_the_laboratory_saw_moves_the_error_and_a_standard_does_not_overrule_a_step(self) -> None:
        laboratory = [Witness(at * UNIT, 1.0, 0.05, "laboratory") for at in (1100, 1500, 1900)]
        _, offset, _ = divided([1.0, 0.0], witnesses=laboratory)
        assert (offset.start, offset.end) == pytest.approx((1, 1), abs=0.1)
        assert len(offset.witnesses) == 3
        washed = Witness(
            995 * UNIT, 0.0, 0.1, "standard"
        )  # between the last reading before the service and the first after
        fouling, after, _ = divided([1.0, 0.0], witnesses=[washed])
        assert fouling.witnesses == (washed,)
        assert fouling.end == pytest.approx(-1, abs=0.1)
        assert after.start == pytest.approx(0, abs=0.1)

    def test_steps_of_a_coarse_instrument_in_calm_water_are_divided_like_others(self) -> None:
        sure, usual = (
            [ServiceStep(k, amount, sigma) for k, amount in enumerate([0.1, -0.1])] for sigma in (1e-9, 0.01)
        )
        found, expected = (
            deployments_of(services(LOGGED, LOGGED), steps, [], (0, 2900 * UNIT), 0.2) for steps in (sure, usual)
        )
        ends = [end for part in expected for end in (part.start, part.end)]
        assert [end for part in found for end in (part.start, part.end)] == pytest.approx(ends, abs=0.01)
        assert expected[1].start == pytest.approx(0.1, abs=0.01)

    def test_a_deployment_of_which_nothing_speaks_has_no_error_and_no_certainty(self) -> None:
        (alone,) = deployments_of([], [], [], (0, 900), 0.1)
        assert (alone.start, alone.end, alone.sigma) == (0, 0, float("inf"))


class TestServices:
    def test_two_sensors_that_jump_at_once_are_found_and_slow_changes_are_not(self) -> None:
        later = np.where(SERVICES[1] <= TIMES, 1.0, 0.0)
        found = found_services(season({"ph": later, "water_temp": 2 * later}))
        assert [(service.first_us, service.trace) for service in found] == [(SERVICES[1], ServiceTrace.JUMP)]
        slow = np.clip((TIMES - SERVICES[1]) / (6 * HOUR), 0, 1)
        assert found_services(season({"ph": slow, "water_temp": 2 * slow})) == []

    def test_a_gap_with_a_jump_is_a_service_and_a_gap_alone_is_not(self) -> None:
        def gapped(jump: float) -> DeviceSeries:
            moved = season({"ph": np.where(SERVICES[0] <= TIMES, jump, 0.0)})
            absent = (SERVICES[0] <= TIMES) & (SERVICES[0] + HOUR > TIMES)
            values = {name: np.where(absent, np.nan, column) for name, column in moved.values.items()}
            return DeviceSeries(moved.time_us, values, moved.resolution, moved.interval_s)

        (service,) = found_services(gapped(1.0))
        assert service == Service(SERVICES[0] - EVERY, SERVICES[0] + HOUR, ServiceTrace.GAP)
        assert found_services(gapped(0.0)) == []

    def test_a_service_written_half_an_hour_late_is_taken_where_the_values_jumped(self) -> None:
        moved = np.where(SERVICES[0] <= TIMES, 1.0, 0.0)
        series = season({"ph": moved, "water_temp": 3 * moved})
        (service,) = logged_services(series, [LogEntry(SERVICES[0] + HOUR // 2, SERVICES[0] + HOUR // 2)])
        assert (service.last_us, service.first_us) == (SERVICES[0] - EVERY, SERVICES[0])

    def test_what_was_written_of_other_years_is_no_service(self) -> None:
        assert logged_services(season(), [LogEntry(0, 1), LogEntry(int(TIMES[-1]), int(TIMES[-1]) + HOUR)]) == []


class TestProposals:
    def test_a_drift_is_proposed_as_a_line_to_correct_and_as_a_stretch_to_flag_at_its_end(self) -> None:
        found = proposals_of(season({"ec": fouled({1: 3.0})}), LOG)
        drift, flag = sorted(found, key=lambda proposal: proposal.kind)
        assert (drift.kind, flag.kind) == (ProposalKind.DRIFT, ProposalKind.FLAG)
        assert {drift.parameter, flag.parameter} == {"ec"}
        assert (drift.from_us, drift.until_us) == (SERVICES[0], SERVICES[1] - EVERY)
        assert (drift.added, drift.gap) == pytest.approx((0, -3.0), abs=0.5)
        assert drift.confidence > 0.95
        assert flag.until_us == drift.until_us
        lasted = drift.until_us - drift.from_us
        assert (
            drift.from_us < flag.from_us < drift.from_us + lasted // 4
        )  # from a tenth on the error is beyond accuracy
        assert [reason.key for reason in flag.reasons] == ["step_after", "beyond_accuracy"]

    @pytest.mark.parametrize(("witness", "corrected"), [(None, False), (-0.3, False), (-2.9, True)])
    def test_fouling_is_flagged_and_corrected_only_where_a_standard_read_what_the_step_says(
        self, witness: float | None, corrected: bool
    ) -> None:
        read = [] if witness is None else [Witness(SERVICES[1] - EVERY // 2, witness, 0.3, "standard")]
        found = proposals_of(season({"ec": fouled({1: -3.0})}), LOG, {"ec": read})
        wanted = {ProposalKind.FLAG, ProposalKind.DRIFT} if corrected else {ProposalKind.FLAG}
        assert {one.kind for one in found} == wanted
        assert all(one.gap == pytest.approx(3.0, abs=0.5) for one in found)

    @pytest.mark.parametrize("begins", [0.4, 0.8])
    def test_where_fouling_began_is_seen_in_the_values(self, begins: float) -> None:
        error = -6 * np.clip((fouled({1: 1.0}) - begins) / (1 - begins), 0, 1)
        (flag,) = [one for one in proposals_of(season({"ec": error}), LOG) if one.kind is ProposalKind.FLAG]
        began = (flag.from_us - SERVICES[0]) / (SERVICES[1] - SERVICES[0])
        assert began == pytest.approx(begins, abs=0.2)

    def test_a_probe_set_wrong_is_flagged_for_its_whole_deployment(self) -> None:
        wrong = np.where((SERVICES[0] <= TIMES) & (SERVICES[1] > TIMES), 1.0, 0.0)
        found = proposals_of(season({"ph": wrong}), LOG)
        assert {proposal.parameter for proposal in found} == {"ph"}
        for proposal in found:
            assert (proposal.from_us, proposal.until_us) == (SERVICES[0], SERVICES[1] - EVERY)
            assert (proposal.added, proposal.gap) == pytest.approx((-1, -1), abs=0.15)

    @pytest.mark.parametrize("seed", range(4))
    def test_a_season_in_order_has_no_proposals(self, seed: int) -> None:
        series = season(seed=seed)
        assert proposals_of(series, LOG) == []
        assert proposals_of(series) == []

    def test_an_unlogged_failure_is_found_and_says_that_nobody_wrote_it_down(self) -> None:
        failed = np.where((SERVICES[0] <= TIMES) & (SERVICES[0] + 8 * 24 * HOUR > TIMES), 1.0, 0.0)
        found = proposals_of(season({"water_temp": 19 * failed, "ph": -0.8 * failed}))
        assert {proposal.parameter for proposal in found} == {"water_temp", "ph"}
        assert all("not_logged" in [reason.key for reason in proposal.reasons] for proposal in found)
        assert all(proposal.confidence < 0.75 for proposal in found)

    def test_a_parameter_of_unknown_accuracy_and_one_without_values_have_no_proposals(self) -> None:
        moved = season({"ec": fouled({1: -3.0})})
        values = {"orp": moved.values["ec"], "ph": np.full(len(TIMES), np.nan)}
        assert proposals_of(DeviceSeries(TIMES, values, {}, 900.0), LOG) == []

    def test_readings_each_minute_give_what_readings_each_quarter_give(self) -> None:
        few = season({"ec": fouled({1: 3.0})})
        times = np.arange(TIMES[0], TIMES[-1], 60_000_000, dtype=np.int64)
        often = DeviceSeries(times, {"ec": np.interp(times, TIMES, few.values["ec"])}, few.resolution, 60.0)
        visit = [LogEntry(at - EVERY, at) for at in SERVICES]
        (drift,) = [found for found in proposals_of(often, visit) if found.kind is ProposalKind.DRIFT]
        assert drift.gap == pytest.approx(-3.0, abs=0.5)

    @pytest.mark.parametrize("key", REASONS)
    def test_each_reason_speaks_both_languages(self, key: str) -> None:
        figures: dict[str, float | str] = dict.fromkeys(
            ("step", "usual", "error", "allowed", "blamed", "readings"), 1234.5
        )
        reason = Reason(key, figures | {"source": "st-a/ec", "tests": "flat, rate"})
        proposal = Proposal(ProposalKind.FLAG, "ph", 0, 1, 0.0, 0.0, 0.5, (reason,))
        assert proposal.words("vi") != proposal.words("en")
        assert not any(raw in proposal.words("vi") + proposal.words("en") for raw in ("{", "e+03"))
        assert not re.search(r"\d\.\d", proposal.words("vi"))
        assert not re.search(r"\d,\d", proposal.words("en"))
