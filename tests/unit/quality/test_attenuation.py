"""A sensor whose day has lost its rise and fall while the rest of the sonde keeps its own."""

from __future__ import annotations

import numpy as np

from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.telemetry.quality import Quality
from tests.unit.quality.devices import estuary, flags, with_values

TEST = DEVICE_TESTS["attenuated"]
DAY = 96


def test_a_buried_probe_that_still_flickers_is_doubted_after_its_first_day() -> None:
    series = estuary(14)
    buried = np.arange(len(series)) >= 10 * DAY
    values = {}
    for name, level, noise in (("water_temp", 28.0, 0.03), ("do_sat", 60.0, 0.5)):
        flicker = level + noise * np.random.default_rng(3).normal(0, 1, len(series))
        values[name] = np.where(buried, np.round(flicker, 2), series.values[name])
    found = flags(TEST, with_values(series, values))
    for name in values:
        assert not (found[name][: 10 * DAY] >= Quality.SUSPECT).any()
        assert (found[name][11 * DAY + 8 : 12 * DAY] == Quality.SUSPECT).all(), name
    assert set(found) == set(values), "mg/l is computed of saturation and temperature"


def test_a_rainy_week_that_calms_everything_and_water_without_oxygen_accuse_nobody() -> None:
    series = estuary(14)
    calm = np.arange(len(series)) >= 10 * DAY
    names = ("water_temp", "do_sat", "do", "ph", "ec", "salinity", "turbidity", "water_level")
    middle = {name: np.nanmean(series.values[name]) for name in names}
    rainy = {
        name: np.where(calm, middle[name] + 0.1 * (series.values[name] - middle[name]), series.values[name])
        for name in names
    }
    assert not any((flag >= Quality.SUSPECT).any() for flag in flags(TEST, with_values(series, rainy)).values())
    ice = np.where(calm, 0.02 * np.random.default_rng(4).normal(0, 1, len(series)), series.values["water_temp"] - 27)
    assert not (flags(TEST, with_values(series, {"water_temp": ice}))["water_temp"][calm] >= Quality.SUSPECT).any()
    none = np.where(calm, 3.0, series.values["do_sat"])
    assert not (flags(TEST, with_values(series, {"do_sat": none}))["do_sat"] >= Quality.SUSPECT).any()
