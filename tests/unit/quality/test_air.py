"""Analysers whose zero or span has drifted, and dust that is water, against figures of other people's handbooks."""

from __future__ import annotations

import numpy as np
import pytest

from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.series import DeviceSeries, Floats
from quantrac.telemetry.quality import Quality
from tests.unit.quality.devices import estuary, flags, with_values

PPB = {"so2": 2.62, "no": 1.23, "no2": 1.88, "o3": 1.96}
"""µg/m³ at 25 °C and 1 atm (WHO, Air Quality Guidelines for Europe, 2000, conversion factors)."""


def hours(values: dict[str, Floats]) -> DeviceSeries:
    (count,) = {len(value) for value in values.values()}
    return DeviceSeries(1_790_000_000_000_000 + np.arange(count) * 3_600_000_000, values, {}, 3600.0)


@pytest.mark.parametrize("gas", PPB)
@pytest.mark.parametrize(("ppb", "worst"), [(-4.8, Quality.GOOD), (-5.5, Quality.SUSPECT), (-10.5, Quality.FAIL)])
def test_a_zero_may_drift_by_five_ppb(gas: str, ppb: float, worst: Quality) -> None:
    """US EPA, QA Handbook volume II, appendix D: zero drift over more than a day 5.1 ppb."""
    found = flags(DEVICE_TESTS["zero_drift"], hours({gas: np.full(48, ppb * PPB[gas])}))
    assert found[gas][-1] == worst


def test_a_floor_that_rises_above_the_weeks_is_doubted_and_a_dirty_evening_is_not() -> None:
    daily = 12 + 12 * np.sin(np.arange(24 * 12) * 2 * np.pi / 24)
    risen = daily + np.where(np.arange(24 * 12) >= 24 * 9, 2.5 * 5.1 * 2.62, 0.0)
    found = flags(DEVICE_TESTS["zero_drift"], hours({"so2": risen, "no": daily}))
    assert (found["so2"][24 * 10 + 6 : 24 * 11] == Quality.SUSPECT).all()
    assert not (found["no"] >= Quality.SUSPECT).any()
    dirty = daily + np.where(np.arange(24 * 12) % 24 >= 18, 80.0, 0.0)
    assert not (flags(DEVICE_TESTS["zero_drift"], hours({"so2": dirty}))["so2"] >= Quality.SUSPECT).any()


def test_the_rush_hour_after_a_day_without_power_is_no_drifted_zero() -> None:
    minutes = np.arange(0, 14 * 1440, 5)
    no = 15 + 50 * np.exp(-(((minutes % 1440 - 480) / 100) ** 2))  # traffic of eight o'clock
    kept = (minutes < 10 * 1440) | (minutes >= 11 * 1440 + 420)
    series = DeviceSeries(1_790_000_000_000_000 + minutes[kept] * 60_000_000, {"no": no[kept]}, {}, 300.0)
    assert not (flags(DEVICE_TESTS["zero_drift"], series)["no"] >= Quality.SUSPECT).any()


def test_the_last_check_by_zero_or_span_gas_is_evidence_until_the_next() -> None:
    series = estuary(12)
    zero, span = series.values["so2_zero"].copy(), series.values["so2_span"].copy()
    checks, spans = np.flatnonzero(~np.isnan(zero)), np.flatnonzero(~np.isnan(span))
    zero[checks[6]], zero[checks[7]] = 5.5 * PPB["so2"], 11 * PPB["so2"]
    span[spans[9]] *= 0.88  # the handbook allows 10.1 %
    found = flags(DEVICE_TESTS["gas_check"], with_values(series, {"so2_zero": zero, "so2_span": span}))["so2"]
    assert set(found[checks[0] : checks[6]]) == {Quality.GOOD}
    assert set(found[checks[6] : checks[7]]) == {Quality.SUSPECT}
    assert set(found[checks[7] : checks[8]]) == {Quality.FAIL}
    assert set(found[checks[8] : spans[9]]) == {Quality.GOOD}
    assert set(found[spans[9] : spans[10]]) == {Quality.SUSPECT}
    assert set(found[spans[10] :]) == {Quality.GOOD}


def test_dust_that_swells_in_fog_is_doubted_and_smoke_of_a_dry_evening_is_not() -> None:
    """Kappa-Köhler with kappa 0.3 (Di Antonio 2018 has 0.2 to 0.4): at 97 % particles weigh about six times as much."""
    hour = np.arange(24 * 3) % 24
    humidity = np.select([hour < 6, hour < 9], [97.0, 90.0], 70.0)
    dust = np.where(hour < 6, 6.0, 1.0) * 15
    smoke = 15.0 + np.where(hour == 19, 200.0, 0.0)
    test = DEVICE_TESTS["humid_dust"]
    found = flags(test, hours({"pm2_5": dust, "humidity": humidity}))["pm2_5"]
    assert set(np.flatnonzero(found >= Quality.SUSPECT)) == set(np.flatnonzero((hour < 6) & (np.arange(72) >= 24)))
    assert not (found == Quality.FAIL).any(), "smoke in fog looks the same"
    assert not (flags(test, hours({"pm2_5": smoke, "humidity": humidity}))["pm2_5"] >= Quality.SUSPECT).any()
    dry = flags(test, hours({"pm2_5": dust, "humidity": np.minimum(humidity, 90.0)}))["pm2_5"]
    assert not (dry >= Quality.SUSPECT).any()
