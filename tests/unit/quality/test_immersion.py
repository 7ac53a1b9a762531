"""A probe in air measures no water."""

from __future__ import annotations

import numpy as np
import pytest

from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.series import DeviceSeries
from quantrac.telemetry.quality import Quality
from tests.unit.quality.devices import estuary, flags, with_values

TEST = DEVICE_TESTS["out_of_water"]


def test_all_that_a_lifted_sonde_measures_in_water_fails_until_it_is_back() -> None:
    series = estuary(4)
    lifted = slice(300, 312)
    ec, temperature = series.values["ec"].copy(), series.values["water_temp"].copy()
    ec[lifted], temperature[lifted] = 0.3, 33.0
    found = flags(TEST, with_values(series, {"ec": ec, "water_temp": temperature}))
    assert "water_level" not in found, "a gauge that has fallen dry measures that it is dry"
    assert "pm10" not in found
    for flag in found.values():
        assert np.flatnonzero(flag == Quality.FAIL).tolist() == list(range(300, 312))


def test_conductivity_alone_may_be_a_broken_sensor() -> None:
    series = estuary(4)
    ec = series.values["ec"].copy()
    ec[300:312] = 0.0
    found = flags(TEST, with_values(series, {"ec": ec}))
    assert np.flatnonzero(found["salinity"] == Quality.FAIL).tolist() == list(range(300, 312))
    assert not (found["ph"] >= Quality.SUSPECT).any()


def test_a_river_as_fresh_as_the_mekong_and_a_tide_that_turns_fresh_are_water() -> None:
    series = estuary(4)
    fresh = with_values(series, {"ec": series.values["ec"] / 200})
    assert not (flags(TEST, fresh)["ph"] >= Quality.SUSPECT).any()
    coarse = {"ec": series.values["ec"] / 400, "salinity": np.zeros(len(series))}
    assert not any((flag >= Quality.SUSPECT).any() for flag in flags(TEST, with_values(series, coarse)).values())
    hours = (series.time_us - series.time_us[0]) / 3.6e9
    front = with_values(series, {"ec": np.maximum(0.2, 20 - 5 * hours)})
    assert not (flags(TEST, front)["ph"] >= Quality.SUSPECT).any()


@pytest.mark.parametrize("oxygen", ["do", "do_sat"])
def test_fresh_water_with_little_oxygen_that_a_sluice_lets_in_is_water(oxygen: str) -> None:
    series, opened = estuary(4), slice(300, 348)
    values = {name: series.values[name].copy() for name in ("ec", "water_temp", "ph", oxygen)}
    values["ec"][opened], values["water_temp"][opened], values["ph"][opened] = 0.22, 24.0, 5.0
    values[oxygen][opened] = {"do": 2.0, "do_sat": 24.0}[oxygen]  # Benson and Krause: 8.4 mg/l is full at 24 °C
    found = flags(TEST, DeviceSeries(series.time_us, values, series.resolution, series.interval_s))
    assert not any((flag >= Quality.SUSPECT).any() for flag in found.values())


@pytest.mark.parametrize(("interval_s", "without_s"), [(3600.0, 0), (300.0, 7200)])
def test_fresh_water_full_of_oxygen_that_came_between_two_readings_is_water(interval_s: float, without_s: int) -> None:
    """A sluice is open; the station reads each hour, or had no power for two hours."""
    series = estuary(4, interval_s)
    since_s = (series.time_us - series.time_us[0]) / 1e6 - 3 * 86400
    is_open, kept = since_s >= 0, (since_s < 0) | (since_s >= without_s)
    cooler = series.values["water_temp"] - np.where(is_open, 3.0, 0.0)
    fresh = {
        "ec": np.where(is_open, 0.2, series.values["ec"]), "do_sat": np.full(len(series), 95.0), "water_temp": cooler,
        "ph": series.values["ph"],
    }  # fmt: skip
    values = {name: value[kept] for name, value in fresh.items()}
    found = flags(TEST, DeviceSeries(series.time_us[kept], values, series.resolution, interval_s))
    assert not any((flag >= Quality.SUSPECT).any() for flag in found.values())


def test_without_oxygen_fresh_water_of_a_sluice_is_water_and_no_river_conducts_as_little_as_air() -> None:
    series, opened = estuary(4), slice(300, 348)  # half a day
    values = {name: series.values[name].copy() for name in ("ec", "water_temp", "ph")}
    values["ec"][opened], values["water_temp"][opened] = 0.22, 24.0
    fresh = DeviceSeries(series.time_us, values, series.resolution, series.interval_s)
    assert not any((flag >= Quality.SUSPECT).any() for flag in flags(TEST, fresh).values())
    lifted = with_values(fresh, {"ec": np.where(values["ec"] == 0.22, 0.004, values["ec"])})
    assert np.flatnonzero(flags(TEST, lifted)["ph"] == Quality.FAIL).tolist() == list(range(300, 348))


def test_a_conductivity_that_was_broken_all_day_is_no_witness_of_air() -> None:
    """Logan River, August 2019: the sensor gave the end of its range for days, then nothing, in the water."""
    series = estuary(4)
    ec = series.values["ec"].copy()
    ec[200:310], ec[310:330] = np.nan, 0.0
    warmer = series.values["water_temp"] + np.where(np.arange(len(series)) >= 305, 3.0, 0.0)
    found = flags(TEST, with_values(series, {"ec": ec, "water_temp": warmer}))
    assert (found["salinity"][310:330] == Quality.FAIL).all(), "conductivity is nothing"
    assert not any((found[name] >= Quality.SUSPECT).any() for name in ("ph", "water_temp"))
