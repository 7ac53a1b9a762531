"""An invented device on which nothing is special, for tests to disturb; a recorded one with its experts' flags."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from quantrac.quality.companions import practical_salinity, saturated_oxygen
from quantrac.quality.device_tests import DeviceTest
from quantrac.quality.series import Climate, DeviceSeries, Flags, Floats, Mask
from quantrac.quality.trees import TrainedModel, Tree, Trees

RESOLUTION = {
    "water_temp": 0.01,
    "ec": 0.01,
    "salinity": 0.01,
    "do_sat": 0.1,
    "do": 0.01,
    "ph": 0.01,
    "turbidity": 0.1,
    "water_level": 0.001,
    "pm10": 0.1,
    "pm2_5": 0.1,
    "no": 0.1,
    "no2": 0.1,
    "nox": 0.1,
    "humidity": 1.0,
    "so2": 0.1,
    "so2_zero": 0.1,
    "so2_span": 0.1,
}
CLIMATES = {"water_temp": Climate((28.0, *[0.0] * 12), 3.0)}
HIGH = Tree([0, -1, 1, -1, -1], [1.2, 0, 0.25, 0, 0], [True] * 5, [1, 0, 3, 0, 0], [2, 0, 4, 0, 0], [0, -2, 0, 1, 4])
"""Far above the week, and more so where the next hour is lower."""
ROUGH = Tree([2, -1, -1], [0.4, 0, 0], [True, False, False], [1, 0, 0], [2, 0, 0], [0, 0, 2])
MODELS = {"turbidity": TrainedModel(("usual", "over_next", "moves_quarter"), Trees(-1.0, [HIGH, ROUGH]), 0.5)}
RECORDED = Path(__file__).parents[3] / "simulators" / "recordings" / "estuary_2012.csv.gz"
"""Data: NOAA NERRS System-wide Monitoring Program, cdmo.baruch.sc.edu; CC0."""


def estuary(days: float, interval_s: float = 900.0, seed: int = 1) -> DeviceSeries:
    """Return a sonde in a tidal river, and air beside it: all goes with sun and tide, and is a little uneven."""
    chance = np.random.default_rng(seed)
    time_s = np.arange(0, days * 86400, interval_s)
    sun, tide = np.sin(time_s * 2 * np.pi / 86400), np.sin(time_s * 2 * np.pi / 44714)
    uneven = {name: chance.normal(0, 1, len(time_s)) for name in RESOLUTION}
    ec = 22 + 12 * tide + 0.2 * uneven["ec"]
    temperature = 28 + 1.5 * sun + 0.03 * uneven["water_temp"]
    saturation = 80 + 15 * sun + 0.5 * uneven["do_sat"]
    dust, no, no2 = 40 + 15 * sun + uneven["pm10"], 20 + 5 * sun + uneven["no"], 30 - 5 * sun + uneven["no2"]
    values = {
        "water_temp": temperature,
        "ec": ec,
        "salinity": practical_salinity(ec),
        "do_sat": saturation,
        "do": saturation / 100 * saturated_oxygen(temperature, practical_salinity(ec)),
        "ph": 7.8 + 0.2 * sun + 0.01 * uneven["ph"],
        "turbidity": np.exp(3.2 + 0.3 * tide + 0.1 * uneven["turbidity"]),
        "water_level": 1.5 + 0.8 * tide + 0.005 * uneven["water_level"],
        "pm10": dust,
        "pm2_5": 0.6 * dust,
        "no": no,
        "no2": no2,
        "nox": 46.0 / 30.0 * no + no2,
        "humidity": 84 - 12 * sun,
        "so2": 6 + 4 * sun + uneven["so2"],
        "so2_zero": np.where(time_s % 86400 == 0, 0.5 * uneven["so2_zero"], np.nan),  # checked once a day
        "so2_span": np.where(time_s % 86400 == interval_s, 200 + 2 * uneven["so2_span"], np.nan),
    }
    rounded = {name: np.round(value / RESOLUTION[name]) * RESOLUTION[name] for name, value in values.items()}
    time_us = 1_790_000_000_000_000 + (time_s * 1e6).astype(np.int64)
    return DeviceSeries(time_us, rounded, RESOLUTION, interval_s, CLIMATES, MODELS)


def with_values(series: DeviceSeries, changed: Mapping[str, Floats]) -> DeviceSeries:
    """Return a device with other values of some parameters."""
    return replace(series, values={**series.values, **changed})


def part(series: DeviceSeries, chosen: slice) -> DeviceSeries:
    """Return some of the readings."""
    values = {name: value[chosen] for name, value in series.values.items()}
    return replace(series, time_us=series.time_us[chosen], values=values)


def flags(test: DeviceTest, series: DeviceSeries) -> dict[str, Flags]:
    """Return what a test says of each parameter."""
    return {evidence.parameter: evidence.flag for evidence in test.judge(series)}


def recorded(since: datetime, until: datetime) -> tuple[DeviceSeries, dict[str, Mask]]:
    """Return the recorded sonde from a time on and up to another one, and what its experts reject of each parameter."""
    names = ("water_temp", "ec", "salinity", "do_sat", "do", "ph", "turbidity")
    with gzip.open(RECORDED, "rt", encoding="utf-8") as file:
        low, high = since.strftime("%Y-%m-%dT%H"), until.strftime("%Y-%m-%dT%H")
        rows = [row for row in csv.DictReader(file) if low <= row["time"] < high]
    times = np.array([row["time"][:-1] for row in rows], "datetime64[us]").astype(np.int64)
    values = {name: np.array([float(row[name] or "nan") for row in rows]) for name in names}
    rejected = {name: np.array([row[f"{name}_flag"].startswith(("<1>", "<-3>")) for row in rows]) for name in names}
    return DeviceSeries(times, values, {}, 900.0), rejected
