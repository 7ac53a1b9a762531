"""Invented devices: a year's worth of nothing special, for tests to disturb."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from quantrac.quality.device_tests import DeviceTest
from quantrac.quality.series import DeviceSeries, Flags, Floats

RESOLUTION = {
    "water_temp": 0.01,
    "ec": 0.01,
    "salinity": 0.01,
    "do_sat": 0.1,
    "do": 0.01,
    "ph": 0.01,
    "turbidity": 0.1,
    "water_level": 0.001,
}


def estuary(days: float, interval_s: float = 900.0, seed: int = 1) -> DeviceSeries:
    """Return a sonde in a tidal river: each parameter goes with sun and tide, and is a little uneven."""
    chance = np.random.default_rng(seed)
    time_s = np.arange(0, days * 86400, interval_s)
    sun, tide = np.sin(time_s * 2 * np.pi / 86400), np.sin(time_s * 2 * np.pi / 44714)
    uneven = {name: chance.normal(0, 1, len(time_s)) for name in RESOLUTION}
    ec = 22 + 12 * tide + 0.2 * uneven["ec"]
    values = {
        "water_temp": 28 + 1.5 * sun + 0.03 * uneven["water_temp"],
        "ec": ec,
        "salinity": 0.62 * ec,
        "do_sat": 80 + 15 * sun + 0.5 * uneven["do_sat"],
        "do": 5.5 + 1.0 * sun + 0.03 * uneven["do"],
        "ph": 7.8 + 0.2 * sun + 0.01 * uneven["ph"],
        "turbidity": np.exp(3.2 + 0.3 * tide + 0.1 * uneven["turbidity"]),
        "water_level": 1.5 + 0.8 * tide + 0.005 * uneven["water_level"],
    }
    rounded = {name: np.round(value / RESOLUTION[name]) * RESOLUTION[name] for name, value in values.items()}
    return DeviceSeries(1_790_000_000_000_000 + (time_s * 1e6).astype(np.int64), rounded, RESOLUTION, interval_s)


def with_values(series: DeviceSeries, changed: Mapping[str, Floats]) -> DeviceSeries:
    """Return a device with other values of some parameters."""
    return DeviceSeries(series.time_us, {**series.values, **changed}, series.resolution, series.interval_s)


def part(series: DeviceSeries, chosen: slice) -> DeviceSeries:
    """Return some of the readings."""
    values = {name: value[chosen] for name, value in series.values.items()}
    return DeviceSeries(series.time_us[chosen], values, series.resolution, series.interval_s)


def flags(test: DeviceTest, series: DeviceSeries) -> dict[str, Flags]:
    """Return what a test says of each parameter."""
    return {evidence.parameter: evidence.flag for evidence in test.judge(series)}
