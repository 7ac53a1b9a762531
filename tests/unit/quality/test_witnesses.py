"""What sensors beside a sensor, standards and live tests tell the service ledger, on made-up seasons."""

from __future__ import annotations

import numpy as np
import pytest

from quantrac.quality.companions import practical_salinity, saturated_oxygen
from quantrac.quality.hindsight import RecordedFindings, acidity_witnesses, blamed_stretches, without_failed
from quantrac.quality.ledger import deployments_of
from quantrac.quality.proposals import ProposalKind, proposals_of
from quantrac.quality.series import DeviceSeries, Floats, Times
from quantrac.quality.services import Service, logged_services
from quantrac.quality.steps import ServiceStep
from quantrac.quality.witnesses import NEIGHBOURLY, Beside, Kind, Witness, companions_of, witnesses_of
from tests.unit.quality.recorded_season import EVERY, HOUR, LOG, SERVICES, TIMES, season

WRONG = np.where((SERVICES[0] <= TIMES) & (SERVICES[1] > TIMES), 1.5, 0.0)
"""An error of the second of four deployments."""


def told(values: Floats, other: Floats, times: Times = TIMES, kind: Kind = "companion") -> list[Witness]:
    services = logged_services(season(), LOG)
    return witnesses_of(TIMES, values, Beside("st-b/water_temp", kind, times, other), services, 0.2)


def finding(test: str, parameter: str, inside: slice, flag: int = 3, score: float = 1.0) -> RecordedFindings:
    times = TIMES[inside]
    return RecordedFindings(test, parameter, times, np.full(len(times), flag, np.int8), np.full(len(times), score))


class TestBeside:
    @pytest.mark.parametrize("constant", [0.0, -2.5])
    def test_a_sensor_beside_says_how_far_a_deployment_is_off_whatever_stands_between_the_places(
        self, constant: float
    ) -> None:
        right, beside = season({"water_temp": WRONG}).values["water_temp"], season(seed=2).values["water_temp"]
        witnesses = told(right, beside + constant)
        errors = [witness.error for witness in witnesses]
        assert len(witnesses) == 8, "a start and an end of four deployments"
        assert errors == pytest.approx([0, 0, 1.5, 1.5, 0, 0, 0, 0], abs=0.1)
        assert [witness.sigma for witness in witnesses[2:4]] == pytest.approx([0.2 * 2**0.5] * 2)  # of two in order

    def test_a_neighbour_whose_water_goes_its_own_way_has_next_to_no_voice(self) -> None:
        own_way = np.random.default_rng(3).normal(size=60).repeat(96) * 3
        temperature = season().values["water_temp"]
        assert min(witness.sigma for witness in told(temperature, temperature + own_way, kind="neighbour")) > 1.0

    def test_sensors_that_never_measured_together_say_nothing(self) -> None:
        temperature = season().values["water_temp"]
        assert told(temperature, temperature, TIMES + 400 * 24 * HOUR) == []
        assert told(temperature, np.full(len(TIMES), np.nan)) == []

    def test_where_no_step_is_told_a_sensor_beside_speaks_for_a_flag_and_is_named_in_its_reasons(self) -> None:
        wrong, right = season({"water_temp": WRONG}), season(seed=2).values["water_temp"]
        away = [
            Service(at - 12 * HOUR, at + 12 * HOUR, service.trace)
            for at, service in zip(SERVICES, logged_services(wrong, LOG), strict=True)
        ]
        there = np.all([(gap.last_us >= TIMES) | (gap.first_us <= TIMES) for gap in away], axis=0)
        values = {"water_temp": np.where(there, wrong.values["water_temp"], np.nan)}
        series = DeviceSeries(TIMES, values, {}, 900.0)
        beside = {"water_temp": [Beside("st-b/water_temp", "neighbour", TIMES, right)]}
        flags = [one for one in proposals_of(series, LOG, beside=beside) if one.kind is ProposalKind.FLAG]
        for one in flags:
            assert one.from_us >= SERVICES[0] - 12 * HOUR
            assert one.until_us <= SERVICES[1] + 12 * HOUR
            assert "st-b/water_temp" in one.words("en")
            assert "st-b/water_temp" in one.words("vi")
        assert flags

    def test_what_follows_from_other_parameters_counts_only_of_another_device(self) -> None:
        length = np.ones(3)
        bare = {"ec": 30 * length, "water_temp": 25 * length}
        oxygen = DeviceSeries(TIMES[:3], bare | {"do_sat": 80 * length}, {}, 900.0)
        salinity = float(practical_salinity(np.array(30.0)))
        (computed,) = companions_of("do", {"sonde": oxygen})
        assert computed.values == pytest.approx(0.8 * saturated_oxygen(np.array(25.0), np.array(salinity)))
        assert companions_of("salinity", {"sonde": oxygen})[0].values == pytest.approx(salinity)
        assert companions_of("do", {"sonde": DeviceSeries(TIMES[:3], bare, {}, 900.0)}) == []
        assert "do" not in NEIGHBOURLY


class TestStandards:
    SERVICE = Service(100 * HOUR, 101 * HOUR, logged_services(season(), LOG)[0].trace)

    def divided(self, *witnesses: Witness) -> list[tuple[float, float]]:
        found = deployments_of([self.SERVICE], [], witnesses, (0, 200 * HOUR), 0.1)
        return [(part.start, part.end) for part in found]

    def test_a_reading_after_the_sensor_was_set_right_speaks_of_the_deployment_behind_it(self) -> None:
        for at in (100 * HOUR - EVERY, 100 * HOUR + EVERY, 101 * HOUR + EVERY):  # people round times
            (first, second) = self.divided(Witness(at, 1.0, 0.1, "adjusted"))
            assert first == pytest.approx((0, 0), abs=0.01)
            assert second == pytest.approx((1, 1), abs=0.01)

    def test_a_reading_before_it_is_heard_by_the_deployment_before_even_where_the_clock_was_late(self) -> None:
        step = ServiceStep(0, -1.0, 0.1)
        late = Witness(101 * HOUR + EVERY, 1.0, 0.1, "standard")
        first, second = deployments_of([self.SERVICE], [step], [late], (0, 200 * HOUR), 0.1)
        assert (first.witnesses, second.witnesses) == ((late,), ())
        assert (first.end, second.start) == pytest.approx((1, 0), abs=0.01)

    def test_a_parameter_that_begins_after_the_first_service_still_hears(self) -> None:
        witness = Witness(150 * HOUR, 1.0, 0.1, "laboratory")
        found = deployments_of([self.SERVICE], [], [witness], (120 * HOUR, 200 * HOUR), 0.1)
        assert [part.witnesses for part in found] == [(), (witness,)]


class TestHindsight:
    def test_hours_that_tests_blame_are_one_proposal_and_single_readings_are_none(self) -> None:
        series = season()
        findings = [
            finding("frozen", "ph", slice(100, 110)),
            finding("erratic", "ph", slice(114, 140)),
            finding("burst", "ph", slice(3000, 3001)),
        ]
        (stretch,) = blamed_stretches(series, "ph", findings)
        assert (stretch.from_us, stretch.until_us) == (TIMES[100], TIMES[139])
        assert (stretch.tests, stretch.blamed, stretch.readings) == (("erratic", "frozen"), 36, 40)
        (proposal,) = proposals_of(series, LOG, findings=findings)
        assert proposal.words("en") == "live tests (erratic, frozen) blame 36 of 40 readings"
        assert proposal.confidence == pytest.approx(0.9)

    def test_what_overlaps_is_settled_in_one_act(self) -> None:
        series = season({"ph": WRONG})
        begins = int(np.searchsorted(TIMES, SERVICES[0]))
        findings = [finding("erratic", "ph", slice(begins - 8, begins + 40))]
        flags = [one for one in proposals_of(series, LOG, findings=findings) if one.kind is ProposalKind.FLAG]
        assert [(one.from_us, one.until_us) for one in flags] == [(TIMES[begins - 8], SERVICES[1] - EVERY)]
        assert {"step_after", "tests"} <= {reason.key for reason in flags[0].reasons}

    def test_what_failed_is_no_step_of_the_water(self) -> None:
        begins = int(np.searchsorted(TIMES, SERVICES[0]))
        dead = slice(begins - 200, begins)
        series = season({"ph": np.where((TIMES[dead.start] <= TIMES) & (SERVICES[0] > TIMES), -7.0, 0.0)})
        failed = [finding("failing", "ph", dead, flag=4)]
        assert np.isnan(without_failed(series, failed).values["ph"][dead]).all()
        (only,) = proposals_of(series, LOG, findings=failed)
        assert only.from_us == TIMES[dead.start]
        assert proposals_of(series, LOG) != []

    def test_ph_and_oxygen_that_disagree_are_witnesses_of_each_other(self) -> None:
        told = acidity_witnesses([finding("ph_oxygen", "ph", slice(0, 96), score=2.0), finding("flat", "ph", slice(9))])
        ((parameter, (witness,)),) = told.items()
        assert (parameter, witness.source) == ("ph", "do_sat")
        assert witness.error == pytest.approx(0.7)  # twice the test's limit
