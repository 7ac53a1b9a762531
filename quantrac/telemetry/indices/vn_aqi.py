"""VN_AQI, the air quality index of Decision 1459/QĐ-TCMT (12 November 2019). Concentrations in µg/m³."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from quantrac.telemetry.indices.breakpoints import between, half_up
from quantrac.telemetry.words import Words

INDEX: Final = (0, 50, 100, 150, 200, 300, 400, 500)
BREAKPOINTS: Final[Mapping[str, tuple[float, ...]]] = {
    "o3_1h": (0, 160, 200, 300, 400, 800, 1000, 1200),
    "o3_8h": (0, 100, 120, 170, 210, 400),
    "co": (0, 10_000, 30_000, 45_000, 60_000, 90_000, 120_000, 150_000),
    "so2": (0, 125, 350, 550, 800, 1600, 2100, 2630),
    "no2": (0, 100, 200, 700, 1200, 2350, 3100, 3850),
    "pm10": (0, 50, 150, 250, 350, 420, 500, 600),
    "pm2_5": (0, 25, 50, 80, 150, 250, 350, 500),
}
"""Concentrations of the index values 0, 50, 100, 150, 200, 300, 400, 500."""
OZONE_8H_HIGHEST: Final = 400.0
"""Above it the decree takes the 8-hour ozone out of the day's index."""
PARTICLES: Final = ("pm10", "pm2_5")


class IndexClass(NamedTuple):
    """A class of index values, as the decree names and colours it."""

    highest: int
    """The last index value that belongs to it."""
    words: Words
    colour: str
    advice: Words
    """For the public, short enough for a short message: after the decree's advice, not in its words."""


CLASSES: Final = (
    IndexClass(50, Words("Tốt", "Good"), "#00e400", Words("Tự do hoạt động ngoài trời", "Enjoy being outdoors")),
    IndexClass(
        100, Words("Trung bình", "Moderate"), "#ffff00",
        Words("Người nhạy cảm theo dõi ho, khó thở", "Sensitive people: watch for cough, short breath"),
    ),
    IndexClass(
        150, Words("Kém", "Poor"), "#ff7e00",
        Words("Người nhạy cảm giảm hoạt động mạnh ngoài trời", "Sensitive people: less exertion outdoors"),
    ),
    IndexClass(
        200, Words("Xấu", "Bad"), "#ff0000",
        Words("Mọi người giảm hoạt động mạnh ngoài trời", "Everybody: less exertion outdoors"),
    ),
    IndexClass(
        300, Words("Rất xấu", "Very bad"), "#8f3f97",
        Words("Hạn chế tối đa ra ngoài; phải ra thì đeo khẩu trang", "Avoid going out; if you must, wear a mask"),
    ),
    IndexClass(
        500, Words("Nguy hại", "Hazardous"), "#7e0023",
        Words("Ở trong nhà, đóng cửa ra vào và cửa sổ", "Stay indoors, close doors and windows"),
    ),
)  # fmt: skip
"""Table 3 of the decree: RGB (0;228;0), (255;255;0), (255;126;0), (255;0;0), (143;63;151), (126;0;35)."""


def class_of(value: float) -> IndexClass:
    """Return the class of an index value; of one above 500 the worst."""
    return next((one for one in CLASSES if half_up(value) <= one.highest), CLASSES[-1])


def index(pollutant: str, concentration: float) -> int:
    """Return the index of one pollutant (a key of BREAKPOINTS) at a concentration, a whole number."""
    points = tuple(zip(BREAKPOINTS[pollutant], INDEX, strict=False))
    return half_up(between(points, concentration))


def nowcast(hours: Sequence[float | None]) -> float | None:
    """Return the weighted mean of up to 12 hourly means, the current hour first.

    None unless two of the last three hours are there. Where the weight is 1/2 the decree sums (1/2)^i·c_i; weights then
    add up to 1 only for 12 whole hours without end, and lose mass with each missing one: here the sum is divided by the
    weights that are there, as its other formula does.
    """
    some = list(hours[:12])
    there = [value for value in some if value is not None]
    if sum(value is not None for value in some[:3]) < 2:
        return None
    highest = max(there)
    weight = max(min(there) / highest, 0.5) if highest > 0 else 1.0
    weights = [weight**age if value is not None else 0.0 for age, value in enumerate(some)]
    return sum(w * value for w, value in zip(weights, some, strict=True) if value is not None) / sum(weights)


def hourly(gases: Mapping[str, float | None], particles: Mapping[str, Sequence[float | None]]) -> int | None:
    """Return the index of an hour.

    Args:
        gases: hourly means of `o3_1h`, `so2`, `no2`, `co`, as far as they are there.
        particles: hourly means of `pm10`, `pm2_5`, the current hour first.

    Returns:
        The highest index; None without PM10 and PM2.5, of which the decree demands one.
    """
    of_particles = {name: nowcast(hours) for name, hours in particles.items()}
    return _highest(gases, of_particles)


def daily(
    highest_hour: Mapping[str, float | None], ozone_8h: float | None, mean: Mapping[str, float | None]
) -> int | None:
    """Return the index of a day.

    Args:
        highest_hour: the highest hourly mean of `o3_1h`, `so2`, `no2`, `co`.
        ozone_8h: the highest moving 8-hour mean of ozone; left out above 400 µg/m³.
        mean: the 24-hour means (hours ending 01:00 to 24:00) of `pm10`, `pm2_5`.

    Returns:
        The highest index; None without PM10 and PM2.5.
    """
    ozone = None if ozone_8h is None or ozone_8h > OZONE_8H_HIGHEST else ozone_8h
    return _highest({**highest_hour, "o3_8h": ozone}, mean)


def _highest(gases: Mapping[str, float | None], particles: Mapping[str, float | None]) -> int | None:
    if all(particles.get(name) is None for name in PARTICLES):
        return None
    every = {**gases, **particles}
    return max(index(name, value) for name, value in every.items() if value is not None)
