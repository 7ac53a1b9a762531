"""Limits of decrees: figures as their tables have them, which one holds when, and rules that name one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from quantrac.config.findings import ConfigErrors
from quantrac.config.limits import Averaging, averaging_of, in_force
from quantrac.config.loader import load_network
from quantrac.config.rules import Side, levels_on
from tests.fixtures.program import PROJECT

BASE = load_network(PROJECT / "station_configs")
NOW = date(2026, 11, 30)
AIR = {
    "so2": (350, None, 125, 50), "co": (30_000, 10_000, None, None), "no2": (200, None, 100, 40),
    "o3": (200, 120, None, None), "pm10": (None, None, 100, 50), "pm2_5": (None, None, 45, 25),
    "tsp": (300, None, 200, 100), "nh3_air": (200, None, None, None), "h2s_air": (42, None, None, None),
}  # fmt: skip
"""QCVN 05:2023/BTNMT, table 1, since 1 January 2026: over 1 h, 8 h, 24 h, a year."""


def test_the_limits_of_air_are_those_of_table_1() -> None:
    columns = (Averaging.HOUR, Averaging.EIGHT_HOURS, Averaging.DAY, Averaging.YEAR)
    for parameter, figures in AIR.items():
        found = [in_force(BASE.limits, parameter, NOW, average) for average in columns]
        assert [limits[0].high if limits else None for limits in found] == list(figures), parameter
        assert all(limit.low is None and limit.confirmed for limits in found for limit in limits)


@pytest.mark.parametrize(
    ("day", "high"), [("2023-09-11", None), ("2023-09-12", 50), ("2025-12-31", 50), ("2026-01-01", 45)]
)
def test_the_limit_of_a_day_of_fine_dust_falls_in_2026(day: str, high: float | None) -> None:
    found = in_force(BASE.limits, "pm2_5", date.fromisoformat(day), Averaging.DAY)
    assert [limit.high for limit in found] == ([] if high is None else [high])


@pytest.mark.parametrize(
    ("case", "ph", "do"), [("a", (6.5, 8.5), 6), ("b", (6, 8.5), 5), ("c", (6, 8.5), 4), ("d", None, 2)]
)
def test_rivers_have_four_classes_that_nobody_read_in_the_decree(
    case: str, ph: tuple[float, float] | None, do: float
) -> None:
    """QCVN 08:2023/BTNMT, table 2."""
    (oxygen,) = in_force(BASE.limits, "do", NOW, case=case)
    assert (oxygen.low, oxygen.high, oxygen.confirmed) == (do, None, False)
    assert [(limit.low, limit.high) for limit in in_force(BASE.limits, "ph", NOW, case=case)] == ([ph] if ph else [])


def test_a_value_at_the_limit_is_allowed() -> None:
    (salinity,) = BASE.limits["qcvn-02-19-2014/salinity/pond"]  # QCVN 02-19:2014/BNNPTNT: 5 to 35
    assert [salinity.is_exceeded(value) for value in (4.9, 5, 20, 35, 35.1)] == [True, False, False, False, True]
    assert replace(salinity, low=None).is_exceeded(4.9) is False


def test_every_limit_says_where_it_stands() -> None:
    for versions in BASE.limits.values():
        for limit in versions:
            assert limit.decree
            assert limit.article.vi != limit.article.en, limit.name
            assert limit.title.vi != limit.title.en


def test_a_level_that_names_a_limit_has_a_figure_for_each_period() -> None:
    station = BASE.stations["st-tp-soc-trang"]
    there = BASE.rules["pm2-5-day"].for_station(station)
    assert there is not None
    assert [averaging_of(channel) for channel in there.channels] == [Averaging.DAY]
    levels = {level.key: (level.limit, level.first, level.last) for level in there.levels}
    assert levels == {
        "above.limit": (50, date(2023, 9, 12), date(2025, 12, 31)),
        "above.limit.2026-01-01": (45, date(2026, 1, 1), None),
    }
    rule = BASE.rules["pm2-5-day"]
    assert [figure.limit for figure in rule.figures(Side.ABOVE, 3.0)] == [3.0]
    days = [date(2020, 1, 1), date(2025, 12, 31), date(2026, 1, 1), date.max]
    assert [[level.limit for level in levels_on(there.levels, day)] for day in days] == [[50], [50], [45], [45]]
    assert [rule.figure_on(Side.ABOVE, "qcvn-05-2023/pm2_5/24h", day) for day in days] == [50, 50, 45, 45]


def test_a_limit_of_what_nobody_measures_is_refused(root: Path) -> None:
    law = root / "limits/law.yaml"
    law.write_text(law.read_text("utf-8").replace("water_temp:", "water_tmp:"), "utf-8")
    with pytest.raises(ConfigErrors, match=r"law\.yaml:12:3: limits\.water_tmp: found .*did you mean 'water_temp'"):
        load_network(root)
