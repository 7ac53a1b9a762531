"""Limits from good history: what lies beyond them is as rare as was asked."""

import numpy as np
import numpy.typing as npt
import pytest

from ingest.quality.proposed_limits import LEAST_GOOD, ProposedLimit, proposed_limits
from ingest.quality.readings import TestedReadings
from tests.unit.ingest.series import S, alone

COUNT, INTERVAL_S = 20_000, 300.0


def calm(seed: int = 3) -> TestedReadings:
    """Normal noise of 0.1 about 28, at steps of 0.001, so that a value hardly repeats."""
    value = np.round(28 + np.random.default_rng(seed).normal(0, 0.1, COUNT), 3)
    return alone(np.arange(COUNT, dtype=np.int64) * round(INTERVAL_S) * S, value)


def proposed(readings: TestedReadings, bad: npt.NDArray[np.bool_], **present: float) -> dict[str, ProposedLimit]:
    found = proposed_limits(readings, ~bad, bad, INTERVAL_S, 0.001, present)
    return {one.test: one for one in found}


def test_a_limit_blames_as_many_good_readings_as_were_asked_and_finds_the_bad() -> None:
    readings, bad = calm(), np.zeros(COUNT, np.bool_)
    bad[5000::5000] = True
    readings.value[bad] += 5
    found = proposed(readings, bad, spike=3.0, rate=0.01)
    for one in (found["spike"], found["rate"]):
        assert 0.0002 < one.false_share <= 0.001
        assert one.found == 3
    assert (found["spike"].present_false_share, found["flat"].present) == (0.0, None)
    assert (found["rate"].present_false_share or 0) > 0.5
    assert found["spike"].limit == pytest.approx(float(f"{found['spike'].limit:.2g}")), "two digits"


def test_a_standstill_that_people_call_good_is_no_flat_line() -> None:
    readings, bad = calm(), np.zeros(COUNT, np.bool_)
    readings.value[1000:1072] = readings.value[1000]  # six hours, of which 20 readings may be blamed
    assert 21_600 - 20 * INTERVAL_S <= proposed(readings, bad)["flat"].limit <= 16_000
    bad[1000:1072] = True
    assert proposed(readings, bad)["flat"].limit == 3600, "none is shorter"


def test_water_that_may_rest_sets_no_limit_for_a_flat_line() -> None:
    """The live test takes no flat line there: a week of fresh water would let a stuck sensor pass in salt water."""
    readings, bad = calm(), np.zeros(COUNT, np.bool_)
    readings.value[1000:3016] = 0.1
    fresh = proposed_limits(readings, ~bad, bad, INTERVAL_S, 0.001, {"flat": 3600.0}, 0.4)
    found = {one.test: one for one in fresh}["flat"]
    assert (found.limit, found.false_share, found.present_false_share) == (3600, 0, 0)
    assert proposed(readings, bad)["flat"].limit > 500_000


def test_of_few_good_readings_nothing_is_proposed() -> None:
    bad = np.ones(COUNT, np.bool_)
    bad[: LEAST_GOOD - 1] = False
    assert proposed(calm(), bad) == {}
