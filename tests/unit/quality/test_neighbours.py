"""Neighbour agreement: who is blamed among stations that share their weather, and who is not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from quantrac.quality.neighbours import AGREEMENTS, FEWEST_DAYS, LAG_DAYS, REACH_H, HoursOfStations, HourVerdicts, judge
from quantrac.quality.series import Floats
from quantrac.telemetry.quality import Quality

DAYS = 110
BEGIN, END = 90 * 24, 104 * 24
"""Hours of a deployment: what lies before and after is in order."""
Network = dict[str, Floats]
"""By parameter the hours of five stations, a row each; the first is the one that is judged."""


@cache
def network(seed: int = 1, stations: int = 5) -> Network:
    """Return stations of one region, each with its height, its share of sun and tide, and weather of its own."""
    chance, hour = np.random.default_rng(seed), np.arange(DAYS * 24)

    def slow(sd: float, hours: int) -> Floats:
        shocks = chance.normal(0, sd, (len(hour) // hours + 2))
        return np.interp(hour, np.arange(len(shocks)) * hours, shocks)

    sun, tide = np.cos(2 * np.pi * (hour % 24 - 14) / 24), np.sin(2 * np.pi * hour / 12.42)
    weather, river, front = slow(1.5, 60), slow(1.0, 200), slow(4.0, 70)
    found: dict[str, list[Floats]] = {parameter: [] for parameter in AGREEMENTS}
    for _ in range(stations):
        own, at = slow(0.3, 12), chance.normal(0, 1, len(AGREEMENTS))
        air = 27 + at[0] + weather + (3 + 0.5 * at[0]) * sun + own
        found["air_temp"].append(air)
        found["humidity"].append(np.clip(80 - 4.8 * (air - 27 - at[0]) + 2 * at[1] + slow(1.0, 6), 20, 100))
        found["pressure"].append(1010 + at[2] + front + slow(0.2, 12))
        found["water_temp"].append(28 + at[3] + river + 0.4 * sun + slow(0.2, 24))
        found["water_level"].append(at[4] + tide * (1 + 0.1 * at[4]) + 0.1 * river + slow(0.03, 12))
    return {parameter: np.array(rows) for parameter, rows in found.items()}


def judged(parameter: str, rows: Floats, places: slice | None = None, companion: Floats | None = None) -> HourVerdicts:
    """Return what is said of the first station's hours: all that can be judged, or some of them."""
    at = np.arange(REACH_H, rows.shape[1])[places or slice(None)]
    beside = None if companion is None else HoursOfStations(companion[0], companion[1:])
    return judge(parameter, HoursOfStations(rows[0], rows[1:]), at, beside)


def with_fault(rows: Floats, off: float, station: int = 0, begin: int = BEGIN, end: int = END) -> Floats:
    changed = rows.copy()
    changed[station, begin:end] += off
    return changed


def share(found: HourVerdicts, begin: int, end: int) -> float:
    """Return which share of these hours is suspect."""
    blamed: np.ndarray[tuple[int], np.dtype[np.bool_]] = found.flag >= Quality.SUSPECT
    return float(np.mean(blamed[begin - REACH_H : end - REACH_H]))


@pytest.mark.parametrize(
    ("parameter", "off"),
    [("air_temp", -4.0), ("humidity", -20.0), ("pressure", 4.0), ("water_temp", -3.0), ("water_level", 0.6)],
)
def test_a_sensor_that_is_off_for_a_deployment_is_doubted_from_its_first_day_to_its_last(
    parameter: str, off: float
) -> None:
    rows = network()[parameter]
    found = judged(parameter, with_fault(rows, off))
    assert share(found, BEGIN + 24, END) >= 0.9
    assert share(found, END, END + 24) <= 0.2, "hardly longer, though the mean of a day still holds it"
    assert share(judged(parameter, rows), REACH_H, DAYS * 24) <= 0.01
    assert set(np.unique(found.flag)) <= {Quality.NOT_EVALUATED, Quality.GOOD, Quality.SUSPECT}, "it never fails"
    blamed = found.flag == Quality.SUSPECT
    assert np.sign(np.median(found.off[blamed])) == np.sign(off)
    assert (found.score[blamed] >= 1).all()
    assert (found.stations[blamed] >= 2).all()


def test_two_stations_alone_accuse_nobody_and_of_three_the_right_one_is_accused() -> None:
    faulty = with_fault(network()["water_temp"], -4.0)
    assert share(judged("water_temp", faulty[:2]), BEGIN, END) == 0
    assert share(judged("water_temp", faulty[:3]), BEGIN + 24, END) >= 0.9
    for innocent in ([1, 0, 2], [1, 0, 2, 3], [1, 0, 2, 3, 4]):
        assert share(judged("water_temp", faulty[innocent]), BEGIN, END) == 0


def test_neighbours_who_disagree_accuse_nobody() -> None:
    for stations in (3, 4):
        rows = with_fault(network()["water_temp"][:stations], -4.0)
        assert share(judged("water_temp", with_fault(rows, -8.0, station=1)), BEGIN, END) == 0


def test_a_neighbour_whose_water_goes_its_own_way_has_no_voice() -> None:
    chance = np.random.default_rng(3)
    wild = network()["water_temp"].copy()
    wild[1:3] += np.repeat(chance.normal(0, 4, (2, DAYS)), 24, axis=1)
    assert share(judged("water_temp", with_fault(wild, -4.0)), BEGIN + 24, END) >= 0.9, "the two others have"
    assert share(judged("water_temp", with_fault(wild[:4], -4.0)), BEGIN, END) == 0, "one is too few"


def test_cooler_and_moister_air_is_the_stations_own_weather() -> None:
    air, humidity = network()["air_temp"], network()["humidity"]
    cooled = with_fault(air, -4.0)
    assert share(judged("air_temp", cooled, companion=with_fault(humidity, 18.0)), BEGIN, END) == 0
    assert share(judged("humidity", with_fault(humidity, 18.0), companion=cooled), BEGIN, END) == 0
    assert share(judged("air_temp", cooled, companion=humidity), BEGIN + 24, END) >= 0.9


def test_a_verdict_depends_on_nothing_outside_the_reach_and_not_on_what_is_judged_with_it() -> None:
    chance = np.random.default_rng(5)
    rows = with_fault(network()["air_temp"], -4.0)
    rows[chance.random(rows.shape) < 0.05] = np.nan
    humidity = network()["humidity"]
    whole = judged("air_temp", rows, companion=humidity)
    for at in range(REACH_H, DAYS * 24, 37):
        low = at - REACH_H
        alone = judged("air_temp", rows[:, low : at + 1], companion=humidity[:, low : at + 1])
        assert alone.flag.tolist() == [whole.flag[low]]
        assert alone.score.tolist() == [whole.score[low]]


def test_what_is_missing_is_not_judged() -> None:
    rows = with_fault(network()["water_temp"], -4.0)
    for gone in (slice(0, 1), slice(1, 4)):  # its own values, or those of all neighbours but one
        empty = rows.copy()
        empty[gone, BEGIN:] = np.nan
        found = judged("water_temp", empty)
        assert (found.flag[BEGIN + 8 - REACH_H :] == Quality.NOT_EVALUATED).all()
    young = rows.copy()
    young[0, : BEGIN - 24 * (LAG_DAYS + FEWEST_DAYS)] = np.nan
    assert share(judged("water_temp", young), BEGIN + 24 * 4, END) >= 0.9, "two weeks say what is usual"
    young[0, : BEGIN - 24 * 20] = np.nan
    assert (judged("water_temp", young).flag[: END - REACH_H] == Quality.NOT_EVALUATED).all(), "fewer do not"
    assert len(judged("water_temp", rows, slice(0, 0)).flag) == 0
