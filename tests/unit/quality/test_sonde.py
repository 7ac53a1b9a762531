"""What the tests of a sonde find, in invented readings and beside the experts of a recorded estuary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from quantrac.quality.device_tests import DEVICE_TESTS
from quantrac.quality.series import DeviceSeries, Flags, Floats
from quantrac.telemetry.quality import Quality
from tests.unit.quality.devices import estuary, flags, part, recorded, with_values


def found(name: str, series: DeviceSeries, changed: dict[str, Floats]) -> dict[str, Flags]:
    """Return what a test says of a device with other values of some parameters."""
    return flags(DEVICE_TESTS[name], with_values(series, changed))


def blamed(flag: Flags) -> list[int]:
    """Return the places that a test doubts."""
    return np.flatnonzero(flag >= Quality.SUSPECT).tolist()


def test_all_that_a_broken_thermometer_corrects_fails_as_the_experts_rejected_it() -> None:
    series, rejected = recorded(datetime(2012, 6, 5, tzinfo=UTC), datetime(2012, 6, 16, tzinfo=UTC))
    say = flags(DEVICE_TESTS["thermometer"], series)
    for name in ("water_temp", "ec", "salinity", "do", "do_sat", "ph"):
        flag = say[name]
        there = ~np.isnan(series.values[name])
        assert np.array_equal(flag == Quality.FAIL, rejected[name] & there), name
    assert np.array_equal(say["turbidity"] == Quality.SUSPECT, say["ph"] == Quality.FAIL)


def test_a_thermometer_that_came_back_wrong_is_suspected_until_it_is_exchanged_again() -> None:
    """Put back on the 21st day after 45 minutes, 4 °C low, and exchanged after twelve days; at every interval."""
    for interval_s in (60.0, 300.0, 1800.0):
        series, day = estuary(60, interval_s), round(86400 / interval_s)
        times = np.arange(len(series))
        low, high = 20 * day, 32 * day
        wrong = np.where((times >= low) & (times < high), -4.0, 0.0) + series.values["water_temp"]
        wrong[low - round(2700 / interval_s) : low] = np.nan
        suspected = blamed(found("thermometer_step", series, {"water_temp": wrong})["water_temp"])
        assert suspected == list(range(low + round(25 * 3600 / interval_s), high)), interval_s
        unknown = found("thermometer_step", part(series, slice(7 * day, None)), {"water_temp": wrong[7 * day :]})
        assert not blamed(unknown["water_temp"]), "after thirteen days nobody knows which side is right"


def test_water_that_turns_cold_or_comes_and_goes_is_no_thermometer() -> None:
    hours = np.arange(60 * 24)
    series = estuary(60, 3600.0)
    pond = 28 + 6 * np.sin(hours * 2 * np.pi / 24)
    front = np.where(hours >= 30 * 24, -1.9, 0.0) + series.values["water_temp"]
    layers = np.where(np.sin(hours * 2 * np.pi / 12.42) > 0.3, -4.0, 0.0) + series.values["water_temp"]
    for water in (pond, front, layers, np.maximum(pond - 0.2 * np.maximum(hours - 720, 0), 0.0)):
        assert not blamed(found("thermometer_step", series, {"water_temp": water})["water_temp"])


def test_a_ph_that_its_oxygen_does_not_allow_is_doubted_as_the_experts_doubted_it() -> None:
    series, rejected = recorded(datetime(2012, 1, 8, tzinfo=UTC), datetime(2012, 1, 26, tzinfo=UTC))
    doubted = flags(DEVICE_TESTS["ph_oxygen"], series)["ph"] >= Quality.SUSPECT
    experts = rejected["ph"]
    assert np.count_nonzero(doubted & experts) > 0.8 * np.count_nonzero(experts)
    assert np.count_nonzero(doubted & ~experts) < 0.01 * np.count_nonzero(~experts)


def test_bursts_of_turbidity_are_those_that_the_experts_rejected() -> None:
    series, rejected = recorded(datetime(2012, 7, 1, tzinfo=UTC), datetime(2012, 8, 1, tzinfo=UTC))
    burst = flags(DEVICE_TESTS["burst"], series)["turbidity"] >= Quality.SUSPECT
    assert np.count_nonzero(burst & rejected["turbidity"]) > 0.7 * np.count_nonzero(rejected["turbidity"])
    assert np.count_nonzero(burst & ~rejected["turbidity"]) < 0.01 * len(series)


def test_oxygen_that_no_night_brings_down_is_doubted_and_a_bloom_is_not() -> None:
    for interval_s in (300.0, 3600.0):
        series, day = estuary(12, interval_s), round(86400 / interval_s)
        high = np.arange(len(series)) >= 6 * day
        for names in (("do_sat", "do"), ("do", "water_temp", "salinity")):
            device = replace(series, values={name: series.values[name] for name in names})
            # The calmest hours of the invented water have 65 %; 1.8 times that is 117 %.
            reads = {name: np.where(high, 1.8, 1.0) * series.values[name] for name in names if name.startswith("do")}
            doubted = blamed(found("supersaturated", device, reads)["do"])
            assert doubted, names
            assert doubted[0] > 7.9 * day
            assert doubted[-1] == len(series) - 1
            bloom = {name: 1.5 * series.values[name] for name in reads}
            assert not blamed(found("supersaturated", device, bloom)["do"]), "142 % by day, 97 % by night"


def test_oxygen_that_reads_low_is_doubted_where_the_ph_is_that_of_water_with_oxygen() -> None:
    series = estuary(4)
    low = {"do_sat": 0.5 * series.values["do_sat"], "ph": np.full(len(series), 8.1)}
    doubt = found("ph_oxygen", series, low)
    assert blamed(doubt["do_sat"])[-1] == len(series) - 1
    assert blamed(doubt["do_sat"]) == blamed(doubt["do"])
    assert not blamed(doubt["ph"])
    alkaline = low | {"do_sat": np.full(len(series), 10.0), "ph": np.full(len(series), 8.1)}
    # Water of 4 mmol/l alkalinity, 30 °C and 15 ‰ has about pH 8.1 at 10 % (constants of Dickson and Millero 1987).
    assert Quality.FAIL not in found("ph_oxygen", series, alkaline)["do"], "a doubt, no proof"
    fresh = low | {"ec": series.values["ec"] / 100, "salinity": series.values["salinity"] / 100}
    assert (found("ph_oxygen", series, fresh)["do_sat"] == Quality.NOT_EVALUATED).all()


def test_a_frozen_sensor_and_a_frozen_buffer_are_found_and_a_calm_coarse_one_is_not() -> None:
    series = estuary(14)
    stuck = series.values["do_sat"].copy()
    stuck[1200:1240] = stuck[1200]
    say = found("frozen", series, {"do_sat": stuck})
    assert 1208 < blamed(say["do_sat"])[0] < 1230
    assert blamed(say["do_sat"])[-1] == 1239
    assert not blamed(say["ph"])

    buffer = {name: value.copy() for name, value in series.values.items()}
    for value in buffer.values():
        value[1200:1208] = value[1200]
    assert all(blamed(flag)[0] == 1202 for flag in found("frozen", series, buffer).values())

    dry = {"water_level": np.where(np.arange(len(series)) >= 1200, 0.2, series.values["water_level"])}
    assert not blamed(found("frozen", series, dry)["water_level"]), "it rests at its lowest"
    anoxic = series.values["do"].copy()
    anoxic[800:860], anoxic[1000:1060] = 0.03, 0.05
    assert not blamed(found("frozen", series, {"do": anoxic})["do"]), "the second night without oxygen, too"
    flow = 200 * np.sin(np.arange(len(series)) * 900 * 2 * np.pi / 44714)
    gated = {"flow": np.where(np.arange(len(series)) >= 1000, np.maximum(flow, 0.0), flow)}
    assert not blamed(found("frozen", series, gated)["flow"]), "a sluice that is closed on the flood lets nothing pass"
    coarse = {"ph": np.round(series.values["ph"] * 2) / 2}
    assert not blamed(found("frozen", series, coarse)["ph"])


def test_a_calm_device_that_measures_more_often_than_last_week_is_not_frozen() -> None:
    minute = np.arange(12 * 1440)
    kept = (minute >= 10 * 1440) | (minute % 15 == 0)
    calm = {
        "water_level": np.round(1.5 + 0.8 * np.sin(minute * 60 * 2 * np.pi / 44714), 2),
        "water_temp": np.round(28 + np.sin(minute * 2 * np.pi / 1440), 1),
    }
    stuck = calm | {"water_level": np.where(minute >= 11 * 1440, calm["water_level"][11 * 1440], calm["water_level"])}
    for values, doubted in ((calm, []), (stuck, ["water_level"])):
        series = DeviceSeries(
            1_790_000_000_000_000 + minute[kept] * 60_000_000,
            {name: value[kept] for name, value in values.items()}, {}, 60.0,
        )  # fmt: skip
        assert [name for name, flag in flags(DEVICE_TESTS["frozen"], series).items() if blamed(flag)] == doubted


def test_an_erratic_sensor_is_found_within_hours_and_one_spike_does_not_make_it_erratic() -> None:
    series = estuary(14)
    chance = np.random.default_rng(3)
    rough, spike = series.values["salinity"].copy(), series.values["salinity"].copy()
    rough[1200:1248] += chance.choice([-4.0, 4.0], 48)
    spike[1200] += 20
    say = found("erratic", series, {"salinity": rough})
    assert 1203 < blamed(say["salinity"])[0] < 1216
    assert not blamed(say["ph"])
    assert not blamed(found("erratic", series, {"salinity": spike})["salinity"])


def test_what_a_failing_sensor_gives_between_impossible_values_fails_with_them() -> None:
    series = estuary(2)
    ph = series.values["ph"].copy()
    ph[[100, 103, 104, 108]] = 14.0
    ph[150] = 0.0
    assert blamed(found("failing", series, {"ph": ph})["ph"]) == [100, 103, 104, 105, 106, 107, 108, 150]
    zeros = {name: np.where(np.arange(len(series)) == 90, 0.0, series.values[name]) for name in ("water_temp", "do")}
    assert blamed(found("failing", series, zeros)["do"]) == [90]
    bottom = {name: np.where(np.arange(len(series)) > 90, 0.0, series.values[name]) for name in ("do", "do_sat")}
    fresh = {"salinity": np.zeros(len(series))}
    assert not blamed(found("failing", series, bottom | fresh)["do"]), "the bottom may have no oxygen"
    broken = {"ec": np.zeros(len(series))}
    assert not blamed(found("failing", series, bottom | broken)["do"]), "also where another sensor is broken"


def test_a_fouled_window_is_suspected_for_weeks_and_mud_of_a_tide_or_a_flood_is_not() -> None:
    """Of 27 clear days the window overgrows for ten: no week before would know by then what was usual."""
    series, day = estuary(37), 96
    late = np.arange(len(series)) >= 27 * day
    overgrown = {"turbidity": np.where(late, 7.0, 1.0) * series.values["turbidity"]}
    suspected = blamed(found("fouled", series, overgrown)["turbidity"])
    assert suspected == list(range(27 * day + 72, 37 * day))
    for flood in (
        {"water_level": series.values["water_level"] + 1.5 * late},
        {"ec": np.where(late, 0.3, 1.0) * series.values["ec"]},
    ):
        assert min(blamed(found("fouled", series, overgrown | flood)["turbidity"])) > 30 * day, flood.keys()
    for still in (1.7, 0.1, 0.3):  # a mean of many equal values is not always exactly that value
        fresh = {name: np.full(len(series), still) for name in ("ec", "salinity", "water_level")}
        assert blamed(found("fouled", series, overgrown | fresh)["turbidity"]) == suspected, f"{still} is no flood"
    mud = np.where(late & (np.arange(len(series)) < 27 * day + 30), 8.0, 1.0) * series.values["turbidity"]
    assert not blamed(found("fouled", series, {"turbidity": mud})["turbidity"])


def test_a_stuck_parameter_that_comes_less_often_than_others_is_found_too() -> None:
    """Each fifteen minutes in a device of five: between two of its values the device has times without it."""
    series = estuary(20, 300.0)
    times = np.arange(len(series))
    stuck, seldom = times >= 16 * 288, times % 3 != 0
    rest = {name: np.where(seldom, np.nan, series.values[name]) for name in ("ph", "ec", "salinity", "do", "do_sat")}
    assert not any(blamed(flag) for flag in found("frozen", series, rest).values())
    ph = np.where(stuck & ~seldom, rest["ph"][16 * 288], rest["ph"])
    doubted = blamed(found("frozen", series, rest | {"ph": ph})["ph"])
    assert doubted[0] - 16 * 288 <= 288, "within a day"
    assert not {place % 3 for place in doubted} - {0}
