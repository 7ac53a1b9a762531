"""Flat line and rate of change: against slow readings of their definitions, and the experts of a recorded year."""

import csv
import gzip
from datetime import datetime
from importlib import resources

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.quality.flat import flat_lines, moving
from ingest.quality.history import TESTS, limits_at, limits_of
from ingest.quality.rate import jumps
from ingest.quality.readings import TestedReadings
from quantrac.telemetry.parameters import CATALOGUE, Kind
from tests.unit.ingest.series import Row, S, alone, several

READING = st.tuples(st.integers(1, 12), st.one_of(st.none(), st.integers(0, 2)), st.sampled_from([0, 0, 0, 1, 4]))
Rows = list[Row]


def flat_one_by_one(rows: Rows, after_s: int, interval_s: int) -> list[int]:
    """A value fit for use is flat when in all that time before it there was no other, and half of the readings were."""
    flags = []
    for time, value, state in rows:
        if value is None or state > 1:
            flags.append(2)
            continue
        flag = 1
        for found, length_s in ((3, after_s), (4, 2 * after_s)):
            window = [v for t, v, s in rows if v is not None and s <= 1 and time - length_s * S <= t <= time]
            if set(window) == {value} and len(window) >= length_s / interval_s / 2:
                flag = found
        flags.append(flag)
    return flags


@given(st.lists(st.lists(READING, max_size=30), max_size=3))
def test_a_line_is_flat_when_nothing_else_was_there_for_so_long(channels: list[Rows]) -> None:
    """Several channels at once as each by itself."""
    series, rows = several(channels)
    every = np.ones(len(series))
    assert flat_lines(series, 20 * every, 3 * every).flag.tolist() == [
        flag for own in rows for flag in flat_one_by_one(own, 20, 3)
    ]


@given(st.lists(st.lists(READING, max_size=30), min_size=1, max_size=3), st.integers(0, 120))
def test_what_moves_before_all_eyes_has_no_flat_line(channels: list[Rows], since_s: int) -> None:
    """`moving` saves looking back for hours, so it must be sure: no reading from `since` on is flat."""
    series, rows = several(channels)
    moves = moving(series, np.full(len(rows), since_s * S), np.full(len(rows), 20.0))
    for own, is_moving in zip(rows, moves, strict=True):
        flags = zip(own, flat_one_by_one(own, 20, 3), strict=True)
        assert not is_moving or all(flag < 3 for (time, _, _), flag in flags if time >= since_s * S)
    assert moving(*_one_that_moves()).tolist() == [True]


def _one_that_moves() -> tuple[TestedReadings, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    series, _ = several([[(1, 1.0, 0), (1, 2.0, 0), (1, 2.0, 0)]])
    return series, np.array([2 * S]), np.array([20.0])


def jump_one_by_one(rows: Rows, most: float, gap_s: int) -> list[int]:
    flags = [2] * len(rows)
    fit = [n for n, (_, value, state) in enumerate(rows) if value is not None and state <= 1]
    for place, at in enumerate(fit[1:], start=1):
        last, other = fit[place - 1], fit[place - 2] if place > 1 else None
        if rows[at][0] - rows[last][0] > gap_s * S:
            continue

        def times_limit(before: int, at: int = at) -> float:
            hours = max((rows[at][0] - rows[before][0]) / S / 3600, 0.25)
            return abs(float(rows[at][1] or 0) - float(rows[before][1] or 0)) / (most * float(np.sqrt(hours)))

        excess = times_limit(last)
        if other is not None and rows[last][0] - rows[other][0] <= gap_s * S:
            excess = min(excess, times_limit(other))
        flags[at] = 4 if excess > 3 else 3 if excess > 1 else 1
    return flags


@given(st.lists(st.lists(READING, max_size=30), max_size=3), st.sampled_from([0.5, 1.5, 3.0]))
def test_a_jump_is_far_from_both_readings_before_it(channels: list[Rows], most: float) -> None:
    """Several channels at once as each by itself: the ones before within 9 s, which are three intervals."""
    series, rows = several(channels)
    every = np.ones(len(series))
    assert jumps(series, most * every, 3 * every).flag.tolist() == [
        flag for own in rows for flag in jump_one_by_one(own, most, 9)
    ]


def test_a_step_is_blamed_once_and_the_way_back_from_a_spike_is_not() -> None:
    level = [28.0] * 5
    step, spike = [*level, *[23.0] * 5], [*level, 45.0, *level]
    for values, expected in ((step, {5: 3}), (spike, {5: 4})):
        times = np.arange(len(values), dtype=np.int64) * 60 * S
        every = np.ones(len(values))
        found = jumps(alone(times, np.array(values)), 4 * every, 60 * every).flag
        assert {at: flag for at, flag in enumerate(found.tolist()) if flag > 2} == expected


def test_a_calm_ph_of_coarse_steps_is_no_fault_and_one_of_fine_steps_is() -> None:
    """Goodwin Islands 2014 (NOAA NERRS): in steps of 0.1 pH rested for 101 h, and experts called it good."""
    times = np.arange(-4, 101 * 4, dtype=np.int64) * 900 * S
    calm, every = alone(times, np.where(times < 0, 8.0, 8.1)), np.ones(len(times))
    for resolution, worst in ((0.1, 1), (0.01, 3), (None, 3)):
        limit = limits_of("ph", limits_at("ph", resolution))["flat"]
        assert flat_lines(calm, limit * every, 900 * every).flag.max() == worst, resolution


def test_files_add_tests_and_switch_them_off() -> None:
    assert set(limits_of("water_temp", {})) == {"spike", "flat", "rate"}
    assert limits_of("water_temp", {"flat": 7200.0, "rate": 0.0}) == {"spike": 3.0, "flat": 7200.0}
    assert set(limits_of("cod", {})) == {"spike"}
    assert limits_of("cod", {"flat": 3600.0})["flat"] == 3600.0
    for parameter in CATALOGUE.values():
        if parameter.kind is Kind.MEAN:
            assert all(limit > 0 for limit in limits_of(parameter.id, {}).values())


def recorded(name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Times, values and the experts' word (True: rejected or suspect) of the shipped year of a real estuary."""
    file = resources.files("simulators") / "recordings" / "estuary_2012.csv.gz"
    with file.open("rb") as packed, gzip.open(packed, "rt") as text:
        rows = [row for row in csv.DictReader(line for line in text if not line.startswith("#")) if row[name]]
    time = [round(datetime.fromisoformat(row["time"]).timestamp() * S) for row in rows]
    bad = [row[f"{name}_flag"].split(" ")[0] in ("<-3>", "<1>") for row in rows]
    return np.array(time), np.array([float(row[name]) for row in rows]), np.array(bad)


@pytest.mark.parametrize(
    ("name", "parameter", "test", "hits", "false"),
    [
        ("water_temp", "water_temp", "flat", 0.93, 0.0),
        ("water_temp", "water_temp", "rate", 0.0, 0.0001),
        ("do", "do", "flat", 0.0, 0.0),
        ("do", "do", "rate", 0.0, 0.0),
        ("salinity", "salinity", "flat", 0.0, 0.0),
        ("salinity", "salinity", "rate", 0.0, 0.0),
        ("depth", "water_level", "flat", 0.0, 0.0),
        ("ph", "ph", "rate", 0.0, 0.0),
    ],
)
def test_a_recorded_year_of_good_readings_is_hardly_ever_blamed(
    name: str, parameter: str, test: str, hits: float, false: float
) -> None:
    """The thermometer that stood at 50 °C for a week is found; fouling and drift are beyond these tests."""
    time, value, bad = recorded(name)
    limit = limits_of(parameter, {})[test]
    every = np.ones(len(value))
    blamed = TESTS[test].judge(alone(time, value), limit * every, 900 * every).flag >= 3
    assert blamed[bad].mean() >= hits
    assert blamed[~bad].mean() <= false


@pytest.mark.parametrize("parameter", ["water_temp", "do", "salinity", "depth"])
def test_a_probe_that_freezes_in_a_recorded_year_is_found_in_time(parameter: str) -> None:
    """Frozen for three days at twenty places where the experts found all well: suspect from the limit on."""
    time, value, bad = recorded(parameter)
    limit_s = limits_of({"depth": "water_level"}.get(parameter, parameter), {})["flat"]
    length, every = 3 * 96, np.ones(len(value))
    places = [at for at in range(0, len(value) - length - 1, 1700) if not bad[at : at + length + 1].any()]
    assert len(places) > 10
    for place in places:
        frozen = value.copy()
        frozen[place : place + length] = frozen[place]
        found = flat_lines(alone(time, frozen), limit_s * every, 900 * every).flag[place : place + length]
        first = int(np.argmax(found >= 3))
        assert found[first:].min() >= 3
        assert time[place + first] - time[place] <= (limit_s + 900) * S
