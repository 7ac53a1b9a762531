"""What is usual of a channel: waves that were put in are found, and days that leave them are doubted."""

from __future__ import annotations

import numpy as np
from ruamel.yaml import YAML

from ingest.quality.proposed_limits import smallest_step
from ingest.quality.verdicts import JudgedChannel
from quantrac.cli.commands.quality import FittedChannel, yaml_of
from quantrac.config.station_files import QualitySpec
from quantrac.quality.climatology import FittedClimate, climatology, expected, fitted
from quantrac.quality.series import Climate, DeviceSeries, Floats, Times
from quantrac.telemetry.quality import Quality

HOUR_US = 3_600_000_000
YEAR = np.arange(366 * 24, dtype=np.int64) * HOUR_US + 1_704_067_200_000_000  # 2024


def water(time_us: Times) -> Floats:
    """28 °C, 2 more at the end of June, 1.5 more at noon of the day, 0.5 with the moon's tide of 12.4206 h."""
    hours = time_us / HOUR_US
    year, day, tide = (2 * np.pi * hours / period for period in (8765.81, 24.0, 12.4206))
    return 28 - 2 * np.cos(year) + 1.5 * np.cos(day) + 0.5 * np.sin(tide)


def uneven(seed: int) -> Floats:
    """Weather: some tenths of a degree that last for days."""
    steps = np.random.default_rng(seed).normal(0, 0.03, len(YEAR))
    return np.array(np.convolve(steps, np.exp(-np.arange(200) / 60), "full")[: len(YEAR)])


def test_waves_of_season_day_and_tide_are_found_although_a_month_was_wrong() -> None:
    value = water(YEAR) + uneven(1)
    value[2000:2700] += 9.0
    found = fitted(YEAR, value, np.ones(len(YEAR), np.bool_), 0.0005)
    assert found is not None
    assert np.max(np.abs(expected(YEAR, found.climate) - water(YEAR))) < 0.3
    good = np.ones(len(YEAR), np.bool_)
    good[2000:2700] = False
    better = fitted(YEAR, value, good, 0.0005)
    assert better is not None
    assert 0.2 < better.climate.limit < 2, "what weather does, and more"
    assert better.false_share <= 0.0005


def test_a_deployment_that_is_off_is_doubted_from_its_first_days_and_another_good_year_is_not() -> None:
    fit = fitted(YEAR, water(YEAR) + uneven(1), np.ones(len(YEAR), np.bool_), 0.0005)
    assert fit is not None
    later = YEAR + 366 * 24 * HOUR_US
    for wrong, low, high in ((0.0, 0.0, 0.01), (-4.0, 0.9, 1.0)):
        value = water(later) + uneven(2)
        value[5000:5336] += wrong  # two weeks
        series = DeviceSeries(later, {"water_temp": value}, {}, 3600.0, {"water_temp": fit.climate})
        (evidence,) = climatology(series)
        share = np.mean(evidence.flag[5000:5336] == Quality.SUSPECT)
        assert low <= share <= high, (wrong, share)
        assert not (evidence.flag[:5000] >= Quality.SUSPECT).any()


def test_less_than_ten_months_or_a_year_without_a_summer_says_nothing() -> None:
    value, good = water(YEAR), np.ones(len(YEAR), np.bool_)
    assert fitted(YEAR[: 24 * 299], value[: 24 * 299], good[: 24 * 299], 0.0005) is None
    months = (YEAR // HOUR_US % 8765.81) // (8765.81 / 12)
    assert fitted(YEAR, value, months != 6, 0.0005) is None


def test_what_quality_fit_prints_is_what_a_station_file_takes() -> None:
    channel = JudgedChannel(7, "st-a", "st-a/water_temp", "sonde", 600.0, {}, "water_temp", None)
    climate = Climate((28.125, *[-0.0625] * 12), 2.5)
    step = smallest_step(np.round(water(YEAR) / 0.2) * 0.2)
    lines = yaml_of([FittedChannel(channel, 50_000, 0, [], FittedClimate(climate, 0.0004), step)], 0.0005)
    said = YAML(typ="safe").load("\n".join(lines))["devices"]["sonde"]["channels"]["water_temp"]
    assert said.pop("resolution") == 0.2
    assert QualitySpec.model_validate(said["quality"]).climatology == (*climate.figures, climate.limit)
    assert smallest_step(np.full(1999, 0.2)) is None


def test_a_channel_that_nobody_fitted_is_not_judged() -> None:
    assert climatology(DeviceSeries(YEAR, {"ph": np.full(len(YEAR), 7.0)}, {}, 3600.0)) == []
    hours = DeviceSeries(YEAR[:7], {"ph": np.full(7, 12.0)}, {}, 3600.0, {"ph": Climate((7.0, *[0.0] * 12), 1.0)})
    assert set(climatology(hours)[0].flag) == {Quality.NOT_EVALUATED}, "a quarter of a day is no day"
