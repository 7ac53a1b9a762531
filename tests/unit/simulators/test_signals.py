"""The simulated world against published numbers, and its one law: a value belongs to its time, however often asked."""

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.signals import seawater
from simulators.signals.air import Air, AirMass
from simulators.signals.noise import RedNoise, WhiteNoise
from simulators.signals.rain import Rain, Shower
from simulators.signals.script import ScriptClock, ScriptedEpisode, ScriptedState, scripted
from simulators.signals.source import ProbeValue
from simulators.signals.tide import PORTS, HarmonicTide
from simulators.signals.water import Water, WaterBody

INDOCHINA = timezone(timedelta(hours=7))
MOMENTS = st.floats(1.5e9, 1.9e9)
# Mean sea level against the national datum, assumed with the constituents.
MEAN_SEA_LEVEL_M = 0.35


def high_waters(port: str, day: datetime) -> list[tuple[float, float]]:
    """Hour of local time and height over the datum of each high water of a local day."""
    tide, start = HarmonicTide(PORTS[port]), day.timestamp()
    heights = [tide.at(start + 360 * step) + MEAN_SEA_LEVEL_M for step in range(-1, 242)]
    peaks = zip(range(240), heights, heights[1:], heights[2:], strict=False)
    return [(step / 10, now) for step, before, now, after in peaks if before < now >= after]


@pytest.mark.parametrize("day", [1, 2, 3])
@pytest.mark.parametrize(
    ("port", "night_h", "evening_h", "height_m"),
    [("tran-de", (2, 4), (16.5, 18.5), 2.2), ("dai-ngai", (3, 5), (17.5, 19.5), 1.95)],
)
def test_the_tide_meets_the_high_waters_published_for_march_2025(
    port: str, night_h: tuple[float, float], evening_h: tuple[float, float], height_m: float, day: int
) -> None:
    """Báo Sóc Trăng of 25 February 2025: 2.15 to 2.25 m at Trần Đề, 1.9 to 2.0 m at Đại Ngãi, 1 to 3 March.

    The constituents are a fit and the published heights are the surge forecast's: an hour and 0.4 m are allowed.
    """
    night, evening = high_waters(port, datetime(2025, 3, day, tzinfo=INDOCHINA))
    assert night_h[0] - 1 <= night[0] <= night_h[1] + 1
    assert evening_h[0] - 1 <= evening[0] <= evening_h[1] + 1
    assert max(night[1], evening[1]) == pytest.approx(height_m, abs=0.4)


def test_spring_range_at_tran_de_is_that_of_the_coast() -> None:
    """Published spring range 3 to 3.5 m; the fit's year lies within +2.1 and -2.55 m of the datum by a tenth or two."""
    tide = HarmonicTide(PORTS["tran-de"])
    start = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
    heights = [tide.at(start + 1800 * step) + MEAN_SEA_LEVEL_M for step in range(2 * 24 * 365)]
    assert max(heights) == pytest.approx(2.1, abs=0.2)
    assert min(heights) == pytest.approx(-2.55, abs=0.2)


def test_principal_lunar_tide_returns_after_its_period() -> None:
    """M2 alone: speed 28.9841042 degrees an hour (IHO), so 12.4206 h from crest to crest."""
    tide = HarmonicTide({"M2": (1.0, 0.0)})
    start = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
    period_s = 360 / 28.9841042 * 3600
    for wave in range(5):
        assert tide.at(start + wave * period_s) == pytest.approx(tide.at(start), abs=2e-3)


@pytest.mark.parametrize(
    ("conductivity", "temperature", "salinity"),
    [
        (42.914, 15.0, 35.0),  # the definition of PSS-78, with C(35, 15, 0) of Culkin and Smith
        (53.065, 25.0, 35.0),  # standard sea water at 25 °C is 53 mS/cm
        (47.9, 20.0, 35.0),  # and 47.9 mS/cm at 20 °C
    ],
)
def test_salinity_is_the_practical_salinity_scale(conductivity: float, temperature: float, salinity: float) -> None:
    assert seawater.salinity(conductivity, temperature) == pytest.approx(salinity, abs=0.02)


@pytest.mark.parametrize(
    ("temperature", "specific", "salinity"),
    [(16.9, 45.97, 29.9), (17.2, 43.19, 27.9), (18.2, 42.63, 27.5), (17.9, 48.58, 31.8), (17.8, 46.91, 30.6)],
)
def test_specific_conductance_and_salinity_agree_as_in_a_real_sonde(
    temperature: float, specific: float, salinity: float
) -> None:
    """Rows of the packaged recording, where the sonde itself worked out both."""
    ours = seawater.salinity(seawater.actual(specific, temperature), temperature)
    assert ours == pytest.approx(salinity, abs=0.1)


@given(st.floats(0.1, 42), st.floats(0, 35))
def test_conductivity_is_the_inverse_of_salinity(salinity: float, temperature: float) -> None:
    assert seawater.salinity(seawater.conductivity(salinity, temperature), temperature) == pytest.approx(
        salinity, abs=1e-6
    )


@pytest.mark.parametrize(("temperature", "oxygen"), [(0, 14.62), (10, 11.29), (20, 9.09), (25, 8.26), (30, 7.56)])
def test_oxygen_at_saturation_is_that_of_the_tables(temperature: float, oxygen: float) -> None:
    """Fresh water, 1013.25 hPa, Standard Methods table 4500-O."""
    assert seawater.oxygen_at_saturation(temperature, 0) == pytest.approx(oxygen, abs=0.005)


@given(st.lists(MOMENTS, min_size=1, max_size=6))
def test_a_value_does_not_depend_on_what_was_asked_before(moments: list[float]) -> None:
    asked_often, fresh = Water(7, "here", WaterBody()), Water(7, "here", WaterBody())
    for moment in moments:
        asked_often.oxygen(moment)
        asked_often.level(moment)
    last = moments[-1]
    assert asked_often.oxygen(last) == fresh.oxygen(last)
    assert asked_often.level(last) == fresh.level(last)


def test_seeds_and_places_differ() -> None:
    assert len({Water(seed, place, WaterBody()).oxygen(1.795e9) for seed in (1, 2) for place in "ab"}) == 4


def test_noise_has_the_spread_and_memory_it_claims() -> None:
    white = [WhiteNoise(1, "w", 2.0).at(float(step)) for step in range(4000)]
    assert math.fsum(value**2 for value in white) / len(white) == pytest.approx(4.0, rel=0.1)
    red = RedNoise(1, "r", 1.0, memory_s=800)  # a grid of 100 s
    values = [red.at(100.0 * step) for step in range(4000)]
    assert math.fsum(value**2 for value in values) / len(values) == pytest.approx(1.0, rel=0.25)
    apart = math.fsum(a * b for a, b in zip(values, values[8:], strict=False)) / (len(values) - 8)
    assert apart == pytest.approx(math.exp(-1), abs=0.15)


@given(MOMENTS)
def test_water_stays_within_what_a_tropical_river_can_be(t: float) -> None:
    water = Water(3, "river", WaterBody())
    assert -0.03 < water.level(t) < 5.5
    assert 20 < water.temperature(t) < 34
    assert 3.0 < water.oxygen(t) < 6.5
    assert 6.5 < water.ph(t) < 8.2
    assert water.turbidity(t) > 0
    assert seawater.salinity(water.conductivity(t), water.temperature(t)) == pytest.approx(water.salinity(t), abs=1e-6)


def test_salinity_is_highest_one_to_two_hours_after_high_water() -> None:
    water = Water(3, "river", WaterBody())
    start = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    lags = []
    for day in range(14):
        times = [start + day * 86400 + 600 * step for step in range(144)]
        by_level = max(times, key=lambda t: sum(water.level(t + s) for s in (-300, 0, 300)))
        near = (by_level + 600 * step for step in range(-12, 30))
        lags.append(max(near, key=water.salinity) - by_level)
    assert 1800 < sorted(lags)[len(lags) // 2] < 3 * 3600


def test_fine_dust_peaks_in_the_morning_and_in_the_evening() -> None:
    air = Air(5, "town", AirMass())
    start = datetime(2026, 1, 1, tzinfo=INDOCHINA).timestamp()
    hourly = [math.fsum(air.pm2_5(start + day * 86400 + hour * 3600) for day in range(30)) / 30 for hour in range(24)]
    assert max(range(12), key=hourly.__getitem__) in (7, 8)
    assert max(range(12, 24), key=hourly.__getitem__) in (18, 19)
    assert hourly[13] < hourly[7] / 1.5
    assert 0.57 <= air.pm2_5(start) / air.pm10(start) <= 0.72
    assert air.nox(start) == pytest.approx(air.no(start) + air.no2(start))


@given(MOMENTS, st.floats(0, 7200))
def test_rain_counter_never_falls_within_a_month(t: float, later: float) -> None:
    rain = Rain(2, "gauge")
    if datetime.fromtimestamp(t, UTC).month == datetime.fromtimestamp(t + later, UTC).month:
        assert rain.counter_mm(t + later) >= rain.counter_mm(t)


def test_a_shower_falls_whole() -> None:
    shower = Shower(start=1000.0, duration_s=600.0, total_mm=8.0)
    assert shower.fallen(1000) == 0
    assert shower.fallen(1300) == pytest.approx(4.0)
    assert shower.fallen(9999) == pytest.approx(8.0)


def test_the_rainy_season_is_wetter_than_the_dry() -> None:
    rain = Rain(2, "gauge")
    september = rain.counter_mm(datetime(2026, 9, 30, 23, tzinfo=UTC).timestamp())
    february = rain.counter_mm(datetime(2026, 2, 28, 23, tzinfo=UTC).timestamp())
    assert september > 100
    assert september > 3 * february


def test_an_episode_goes_down_stays_and_comes_back() -> None:
    script = ScriptClock()
    source = scripted("do", lambda _: ProbeValue(4.5), script, [ScriptedEpisode("do", 15, 12, 2.4, 1)], [])
    assert source(1000.0).value == 4.5  # not begun: nobody has read yet
    script.begin(1000.0)
    script.begin(1007.0)  # only the first reading counts
    course = {after: source(1000.0 + after).value for after in (14.9, 15.5, 16, 21, 25.9, 26.5, 27)}
    assert course == pytest.approx({14.9: 4.5, 15.5: 3.45, 16: 2.4, 21: 2.4, 25.9: 2.4, 26.5: 3.45, 27: 4.5})


def test_a_state_window_changes_the_state_alone_and_repeats() -> None:
    script = ScriptClock()
    script.begin(0.0)
    source = scripted("ph", lambda _: ProbeValue(7.0), script, [], [ScriptedState("ph", "maint", 10, 5, 60)])
    states = [source(t) for t in (9.0, 10.0, 14.9, 15.0, 71.0)]
    assert [sample.state for sample in states] == ["ok", "maint", "maint", "ok", "maint"]
    assert {sample.value for sample in states} == {7.0}
