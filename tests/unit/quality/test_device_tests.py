"""What every test of a device keeps to, whatever it looks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quantrac.quality.device_tests import DEVICE_TESTS, DeviceTest, judge
from quantrac.quality.series import DeviceSeries
from quantrac.telemetry.quality import Quality
from tests.unit.quality.devices import estuary, flags, part, with_values

each_test = pytest.mark.parametrize("test", DEVICE_TESTS.values(), ids=DEVICE_TESTS)


def stretch(chance: np.random.Generator, count: int, most: int) -> slice:
    """Return some places that follow one another."""
    start = int(chance.integers(0, count))
    return slice(start, start + int(chance.integers(1, most)))


def disturbed(days: float, seed: int = 7) -> DeviceSeries:
    """Return a device of which about everything goes wrong somewhere, with gaps."""
    series = estuary(days, seed=seed)
    chance = np.random.default_rng(seed)
    values = {name: value.copy() for name, value in series.values.items()}
    for _ in range(3):
        for value in values.values():
            value[stretch(chance, len(series), 80)] *= chance.choice([0.0, 0.5, 1.4, 3.0])
            stuck = stretch(chance, len(series), 200)
            value[stuck] = value[stuck.start]
            value[chance.random(len(series)) < 0.01] = np.nan
        lifted = stretch(chance, len(series), 80)
        values["ec"][lifted], values["salinity"][lifted] = 0.01, 0.0
        values["water_temp"][lifted.start : lifted.start + (lifted.stop - lifted.start) // 3] = 36.0
    values["turbidity"][chance.integers(0, len(series), 20)] = 900.0
    kept = chance.random(len(series)) > 0.03
    kept[len(series) // 2 : len(series) // 2 + 60] = False
    return replace(series, time_us=series.time_us[kept], values={name: value[kept] for name, value in values.items()})


@each_test
def test_a_verdict_depends_on_nothing_outside_the_reach(test: DeviceTest) -> None:
    for seed in range(4):
        days = max(22, 1.2 * test.back_s / 86400)
        series = disturbed(days, seed)
        whole = flags(test, series)
        for place in range(seed, len(series), round(61 * days / 22)):
            now = series.time_us[place]
            first = int(np.searchsorted(series.time_us, now - round(test.back_s * 1e6), side="left"))
            end = int(np.searchsorted(series.time_us, now + round(test.ahead_s * 1e6), side="right"))
            seen = flags(test, part(series, slice(first, end)))
            assert {name: flag[place - first] for name, flag in seen.items()} == {
                name: flag[place] for name, flag in whole.items()
            }, (seed, place)


@each_test
def test_quiet_days_of_every_interval_are_good(test: DeviceTest) -> None:
    for interval_s, days in ((60.0, 3.0), (300.0, 12.0), (900.0, 20.0), (3600.0, 40.0)):
        for name, flag in flags(test, estuary(days, interval_s)).items():
            assert np.mean(flag >= Quality.SUSPECT) <= 0.002, (interval_s, name)


@each_test
def test_a_gap_accuses_nobody_when_readings_come_again(test: DeviceTest) -> None:
    """Of five hours to three days, after which tide and sun are somewhere else."""
    for interval_s, hours in ((300.0, 7), (900.0, 5), (900.0, 80), (3600.0, 5), (3600.0, 30)):
        series, hour = estuary(14, interval_s), round(3600 / interval_s)
        for at in range(10 * 24 * hour, 11 * 24 * hour, 5 * hour):
            gap = (np.arange(len(series)) < at) | (np.arange(len(series)) >= at + hours * hour)
            values = {name: value[gap] for name, value in series.values.items()}
            rest = replace(series, time_us=series.time_us[gap], values=values)
            for name, flag in flags(test, rest).items():
                assert not (flag >= Quality.SUSPECT).any(), (interval_s, hours, at, name)


@each_test
def test_what_is_missing_is_not_judged_and_says_nothing(test: DeviceTest) -> None:
    series = estuary(10)
    empty = with_values(series, dict.fromkeys(series.values, np.full(len(series), np.nan)))
    found = flags(test, empty)
    assert all((flag == Quality.NOT_EVALUATED).all() for flag in found.values())
    for few in (0, 1, 2):
        assert {name: len(flag) for name, flag in flags(test, part(series, slice(0, few))).items()} == dict.fromkeys(
            found, few
        )


@each_test
def test_evidence_is_of_the_shape_of_the_series_and_its_words_are_filled(test: DeviceTest) -> None:
    series = disturbed(12)
    for evidence in test.judge(series):
        assert evidence.test == test.name
        assert evidence.parameter in series.values
        assert evidence.flag.dtype == np.int8
        assert len(evidence.flag) == len(evidence.score) == len(series)
        found = np.flatnonzero(evidence.flag >= Quality.SUSPECT)
        assert (evidence.score[found] >= 1).all()
        assert all(np.isfinite(figures[found]).all() for figures in evidence.about.values())
        figures = {name: float(value[found[0]]) if len(found) else 1.0 for name, value in evidence.about.items()}
        assert "{" not in test.found.vi.format(**figures) + test.found.en.format(**figures)


def test_all_tests_together_judge_whatever_a_device_measures() -> None:
    series = disturbed(12)
    for names in (("water_temp",), ("ph", "turbidity"), ("do", "do_sat", "ec")):
        some = DeviceSeries(
            series.time_us, {name: series.values[name] for name in names}, series.resolution, series.interval_s
        )
        assert {evidence.parameter for evidence in judge(some)} <= set(names)
