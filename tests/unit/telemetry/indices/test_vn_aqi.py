"""The Nowcast and the tables of Decision 1459/QĐ-TCMT; its worked sample as a whole stands in `test_formulas`."""

import pytest

from quantrac.telemetry.indices import vn_aqi

NEWEST_FIRST = (20.6, 19.6, 22.4, 20.3, 16.5, 19.0, 16.5, 19.5, 23.5, 20.5, 24.7, 26.9)
"""PM2.5 of the hours 20 to 09 of the decree's sample; 20 h is the current one."""


def test_the_nowcast_of_the_sample() -> None:
    assert vn_aqi.nowcast(NEWEST_FIRST) == pytest.approx(20.27, abs=0.005)


@pytest.mark.parametrize("pollutant", vn_aqi.BREAKPOINTS)
def test_each_breakpoint_has_its_index_and_beyond_the_last_it_stays(pollutant: str) -> None:
    points = vn_aqi.BREAKPOINTS[pollutant]
    found = [vn_aqi.index(pollutant, point) for point in points]
    assert found == list(vn_aqi.INDEX[: len(points)])
    assert vn_aqi.index(pollutant, points[-1] * 2) == found[-1]
    assert vn_aqi.index(pollutant, -5.0) == 0


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


@pytest.mark.parametrize(
    ("value", "words", "rgb"),
    [
        (0, "Tốt", (0, 228, 0)), (50, "Tốt", (0, 228, 0)), (51, "Trung bình", (255, 255, 0)),
        (100, "Trung bình", (255, 255, 0)), (101, "Kém", (255, 126, 0)), (150, "Kém", (255, 126, 0)),
        (151, "Xấu", (255, 0, 0)), (200, "Xấu", (255, 0, 0)), (201, "Rất xấu", (143, 63, 151)),
        (300, "Rất xấu", (143, 63, 151)), (301, "Nguy hại", (126, 0, 35)), (500, "Nguy hại", (126, 0, 35)),
    ],
)  # fmt: skip
def test_the_classes_of_the_decree_with_words_and_colours(value: int, words: str, rgb: tuple[int, int, int]) -> None:
    found = vn_aqi.class_of(value)
    assert found.words.vi == words
    assert found.colour == "#{:02x}{:02x}{:02x}".format(*rgb)
