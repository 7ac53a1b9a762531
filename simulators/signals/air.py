"""The air of a small delta town: dust with its two daily peaks, gases, and the weather.

Levels follow what is published or plausible for the Mekong delta (docs/simulators.md): PM2.5 peaks at 7 to 8 h and 18
to 19 h with lows at 13 to 14 h and 23 to 1 h, PM2.5 about 0.65 of PM10, more in the dry season; ozone peaks in the
afternoon; wind from the north-east November to April and from the south-west May to October.
"""

import math
from dataclasses import dataclass

from pydantic import ConfigDict

from simulators.signals.noise import RedNoise, WhiteNoise
from simulators.signals.rain import Rain

DAY_S = 86400.0
LOCAL_OFFSET_S = 7 * 3600
DRIEST_DAY = 45  # mid February
YEAR_S = 365.2422 * DAY_S
NORTH_EAST, SOUTH_WEST = 50.0, 230.0  # degrees: the two monsoons


@dataclass(frozen=True)
class AirMass:
    """The air of one place: levels; gases in ppb, dust in µg/m³."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    pm2_5: float = 16.0
    o3: float = 18.0
    so2: float = 3.0
    no: float = 4.0
    no2: float = 9.0
    co: float = 420.0
    temperature: float = 27.0
    wind: float = 2.4


class Air:
    """Air and weather at one place; every method takes Unix time."""

    def __init__(self, seed: int, place: str, mass: AirMass) -> None:
        self._mass = mass
        self.rain = Rain(seed, place)
        names = ("pm", "o3", "so2", "no", "no2", "co")
        self._red = {name: RedNoise(seed, f"{place}/{name}", 0.15, 2400) for name in names}
        self._white = {name: WhiteNoise(seed, f"{place}/{name}", 0.015) for name in names}
        self._temperature = RedNoise(seed, f"{place}/air-temperature", 0.5, 7200)
        self._humidity = RedNoise(seed, f"{place}/humidity", 3.0, 7200)
        self._pressure = RedNoise(seed, f"{place}/pressure", 1.5, 86400)
        self._wind = RedNoise(seed, f"{place}/wind", 0.35, 900)
        self._direction = RedNoise(seed, f"{place}/direction", 25.0, 3600)
        self._gust = WhiteNoise(seed, f"{place}/gust", 0.2)
        self._turn = WhiteNoise(seed, f"{place}/turn", 8.0)

    def _varied(self, name: str, level: float, t: float) -> float:
        washed = 1 - 0.5 * self.rain.wetness(t)
        return level * washed * math.exp(self._red[name].at(t)) * (1 + self._white[name].at(t))

    def pm2_5(self, t: float) -> float:
        """PM2.5, µg/m³."""
        season = 1 + 0.35 * _dryness(t)
        return self._varied("pm", self._mass.pm2_5 * season * _traffic(t), t)

    def pm10(self, t: float) -> float:
        """PM10, µg/m³."""
        return self.pm2_5(t) / 0.65

    def pm1(self, t: float) -> float:
        """PM1, µg/m³."""
        return self.pm2_5(t) * 0.72

    def o3(self, t: float) -> float:
        """Ozone, ppb: made by the sun, eaten by traffic at night."""
        return self._varied("o3", self._mass.o3 * (1 + 0.75 * _bump(_hour(t), 14.0, 3.5) - 0.3), t)

    def so2(self, t: float) -> float:
        """Sulphur dioxide, ppb."""
        return self._varied("so2", self._mass.so2, t)

    def no(self, t: float) -> float:
        """Nitric oxide, ppb."""
        return self._varied("no", self._mass.no * _traffic(t) ** 1.5, t)

    def no2(self, t: float) -> float:
        """Nitrogen dioxide, ppb."""
        return self._varied("no2", self._mass.no2 * _traffic(t), t)

    def nox(self, t: float) -> float:
        """Nitrogen oxides, ppb: the sum."""
        return self.no(t) + self.no2(t)

    def co(self, t: float) -> float:
        """Carbon monoxide, ppb."""
        return self._varied("co", self._mass.co * (0.7 + 0.3 * _traffic(t)), t)

    def temperature(self, t: float) -> float:
        """Air temperature, °C."""
        sun = math.cos(2 * math.pi * (_hour(t) - 14) / 24)
        return self._mass.temperature + 3.2 * sun - 3.0 * self.rain.wetness(t) + self._temperature.at(t)

    def humidity(self, t: float) -> float:
        """Relative humidity, %."""
        dry = 3.5 * (self.temperature(t) - self._mass.temperature)
        return min(100.0, max(30.0, 80.0 - dry + 10 * self.rain.wetness(t) + self._humidity.at(t)))

    def pressure(self, t: float) -> float:
        """Air pressure, hPa, with the atmosphere's own half-daily tide (highest at 10 and 22 h)."""
        return 1010.0 + 1.5 * math.cos(2 * math.pi * (_hour(t) - 10) / 12) + self._pressure.at(t)

    def wind_speed(self, t: float) -> float:
        """Wind speed, m/s: sea breeze in the afternoon, gusts."""
        steady = self._mass.wind * (0.7 + 0.5 * _bump(_hour(t), 15.0, 4.0))
        return max(0.0, steady * math.exp(self._wind.at(t)) * (1 + self._gust.at(t)))

    def wind_dir(self, t: float) -> float:
        """Where the wind comes from, degrees, 0 up to 360."""
        monsoon = NORTH_EAST if _dryness(t) > 0 else SOUTH_WEST
        return (monsoon + self._direction.at(t) + self._turn.at(t)) % 360


def _hour(t: float) -> float:
    return (t + LOCAL_OFFSET_S) % DAY_S / 3600


def _dryness(t: float) -> float:
    """1 in mid dry season, -1 in mid wet season."""
    return math.cos(2 * math.pi * (t / YEAR_S - DRIEST_DAY / 365.2422))


def _bump(hour: float, centre: float, width: float) -> float:
    """1 at `centre`, falling to 0 away from it, round the clock."""
    distance = (hour - centre + 12) % 24 - 12
    return math.exp(-((distance / width) ** 2))


def _traffic(t: float) -> float:
    """The two daily peaks of what people burn, about 0.6 to 1.6."""
    return 0.65 + 0.9 * _bump(_hour(t), 7.5, 1.8) + 0.95 * _bump(_hour(t), 18.5, 2.0)
