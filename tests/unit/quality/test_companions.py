"""Parameters that must agree."""

from __future__ import annotations

import numpy as np
import pytest

from quantrac.quality.companions import practical_salinity, saturated_oxygen
from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.telemetry.indices.water_chemistry import saturated
from quantrac.telemetry.quality import Quality
from tests.unit.quality.devices import estuary, flags, with_values


def test_salinity_and_saturated_oxygen_are_those_of_the_standards() -> None:
    # gsw 3.6.23 (TEOS-10): SP_from_C(conductivity, temperature, 0); it knows Hill's extension for fresh water, too.
    of_gsw = {(51.4968, 20.0): 37.952787, (30.0, 28.0): 17.413158, (10.0, 5.0): 9.378832, (42.914, 14.9964): 35.0}
    for (ec, temperature), salinity in of_gsw.items():
        assert practical_salinity(np.array([ec]), temperature) == pytest.approx(salinity, abs=1e-4)
    assert practical_salinity(np.array([0.5, 3.0, -1.0])) == pytest.approx([0.24038, 1.55863, 0.0], abs=2e-3)
    for temperature, salinity in ((5.0, 0.0), (28.0, 20.0)):
        of_both = saturated_oxygen(np.array([temperature]), np.array([salinity]))
        assert of_both == pytest.approx(saturated(temperature, salinity))


@pytest.mark.parametrize(
    ("test", "changed", "factor", "doubted"),
    [
        ("oxygen_pair", "do", 1.5, {"do", "do_sat"}),
        ("salinity_pair", "salinity", 0.5, {"salinity", "ec"}),
        ("dust_pair", "pm2_5", 2.5, {"pm2_5", "pm10"}),
        ("nitrogen_pair", "nox", 0.5, {"no", "no2", "nox"}),
    ],
)
def test_both_of_a_pair_that_disagrees_are_doubted(test: str, changed: str, factor: float, doubted: set[str]) -> None:
    series = estuary(2)
    value = series.values[changed].copy()
    value[100:110] *= factor
    found = flags(DEVICE_TESTS[test], with_values(series, {changed: value}))
    assert set(found) == doubted
    for flag in found.values():
        assert np.flatnonzero(flag == Quality.SUSPECT).tolist() == list(range(100, 110))
        assert not (flag == Quality.FAIL).any(), "one of them is right"


def test_conductivity_at_the_water_s_own_temperature_and_nox_as_a_sum_of_masses_are_good() -> None:
    series = estuary(2)
    own = series.values["ec"] * (1 + 0.02 * (series.values["water_temp"] - 25))
    assert not (flags(DEVICE_TESTS["salinity_pair"], with_values(series, {"ec": own}))["ec"] >= Quality.SUSPECT).any()
    summed = {"nox": series.values["no"] + series.values["no2"]}
    assert not (flags(DEVICE_TESTS["nitrogen_pair"], with_values(series, summed))["no"] >= Quality.SUSPECT).any()
