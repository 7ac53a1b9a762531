"""The worked sample of Decision 1459/QĐ-TCMT, and its tables."""

import pytest

from quantrac.telemetry.indices import vn_aqi

# PM2.5 of the hours 09 to 20 of the decree's sample; 20 h is the current one.
SAMPLE = (26.9, 24.7, 20.5, 23.5, 19.5, 16.5, 19.0, 16.5, 20.3, 22.4, 19.6, 20.6)
NEWEST_FIRST = SAMPLE[::-1]


def test_the_nowcast_of_the_sample() -> None:
    found = vn_aqi.nowcast(NEWEST_FIRST)
    assert found is not None
    assert found == pytest.approx(20.27, abs=0.005)
    assert found is not None
    assert vn_aqi.index("pm2_5", found) == 41


@pytest.mark.parametrize(
    ("pollutant", "concentration", "expected"),
    [
        ("o3_1h", 136.1, 43),
        ("no2", 118.7, 59),  # the decree prints 60; 59.35 is what its formula gives
        ("o3_8h", 89.3, 45),
        ("o3_1h", 114.6, 36),
        ("no2", 130.8, 65),
        ("pm2_5", 55.7, 110),
    ],
)
def test_the_indices_of_the_sample(pollutant: str, concentration: float, expected: int) -> None:
    assert vn_aqi.index(pollutant, concentration) == expected


@pytest.mark.parametrize("pollutant", vn_aqi.BREAKPOINTS)
def test_each_breakpoint_has_its_index_and_beyond_the_last_it_stays(pollutant: str) -> None:
    points = vn_aqi.BREAKPOINTS[pollutant]
    found = [vn_aqi.index(pollutant, point) for point in points]
    assert found == list(vn_aqi.INDEX[: len(points)])
    assert vn_aqi.index(pollutant, points[-1] * 2) == found[-1]
    assert vn_aqi.index(pollutant, -5.0) == 0


def test_the_sample_hour_and_day() -> None:
    hour = vn_aqi.hourly({"o3_1h": 136.1, "no2": 118.7}, {"pm2_5": NEWEST_FIRST})
    assert hour == 59
    assert vn_aqi.daily({"o3_1h": 114.6, "no2": 130.8}, 89.3, {"pm2_5": 55.7}) == 110


def test_without_particles_there_is_no_index() -> None:
    assert vn_aqi.hourly({"no2": 118.7}, {}) is None
    assert vn_aqi.hourly({"no2": 118.7}, {"pm10": (None, None, 30.0, *[30.0] * 9)}) is None
    assert vn_aqi.daily({"no2": 118.7}, None, {"pm10": None}) is None


def test_two_of_the_last_three_hours_are_enough_and_missing_hours_lose_no_mass() -> None:
    steady = (40.0, None, 40.0, None, None, 40.0, *[None] * 6)
    assert vn_aqi.nowcast(steady) == pytest.approx(40.0)
    assert vn_aqi.nowcast((None, None, 40.0)) is None
    assert vn_aqi.nowcast((0.0, 0.0, 0.0)) == 0.0


def test_a_falling_course_weighs_the_newest_hours_by_a_half_at_most() -> None:
    """Halves of 100, then a quarter of 10, …: by hand (100·1 + 10·(1/2 + 1/4)) / (1 + 1/2 + 1/4)."""
    assert vn_aqi.nowcast((100.0, 10.0, 10.0)) == pytest.approx(107.5 / 1.75)


def test_ozone_of_eight_hours_above_400_is_left_out() -> None:
    assert vn_aqi.daily({}, 400.0, {"pm10": 10.0}) == 300
    assert vn_aqi.daily({}, 400.1, {"pm10": 10.0}) == 10
