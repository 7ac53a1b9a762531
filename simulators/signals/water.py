"""A tidal river or canal: level, salinity, temperature, oxygen, pH, turbidity and more, consistent with each other.

Ranges follow what is published of the lower Hậu and Mỹ Thanh rivers (docs/simulators.md): temperature 26 to 30 °C with
its low at 5 to 7 h and its high at 14 to 16 h, oxygen 2 to 5 mg/l, pH 6.9 to 7.7; the highest salinity follows high
water by one to two hours; a shower cools, freshens and muddies the water for some hours.
"""

import math
from dataclasses import dataclass
from typing import Literal

from pydantic import ConfigDict

from simulators.signals import seawater
from simulators.signals.noise import RedNoise, WhiteNoise
from simulators.signals.rain import Rain
from simulators.signals.tide import PORTS, HarmonicTide

DAY_S = 86400.0
LOCAL_OFFSET_S = 7 * 3600  # Indochina time: the sun's day, not a way to show time
WARMEST_HOUR = 15.0
FOULING_A_DAY, CLEANED_DAYS = 0.004, 14.0
"""The pH electrode drifts by so much a day, and is cleaned every so many days."""


@dataclass(frozen=True)
class WaterBody:
    """The water of one place: units as in the catalogue; the swings are half the daily range."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    tide: Literal["vung-tau", "tran-de", "my-thanh", "dai-ngai"] = "tran-de"
    mean_level_m: float = 2.4
    salinity: float = 8.0
    salinity_swing: float = 2.0
    salinity_lag_s: float = 5400.0
    temperature: float = 28.0
    temperature_swing: float = 1.0
    oxygen: float = 4.5
    oxygen_swing: float = 0.4
    ph: float = 7.4
    turbidity: float = 60.0
    chlorophyll: float = 6.0
    ammonium: float = 0.25


class Water:
    """The water at one place; every method takes Unix time and returns a value in the catalogue's unit."""

    def __init__(self, seed: int, place: str, body: WaterBody) -> None:
        self._body = body
        self._tide = HarmonicTide(PORTS[body.tide])
        self._rain = Rain(seed, place)
        self._red = {
            "salinity": RedNoise(seed, f"{place}/salinity", 0.04 * body.salinity, 3600),
            "temperature": RedNoise(seed, f"{place}/temperature", 0.15, 7200),
            "oxygen": RedNoise(seed, f"{place}/oxygen", 0.08, 3600),
            "ph": RedNoise(seed, f"{place}/ph", 0.02, 7200),
            "turbidity": RedNoise(seed, f"{place}/turbidity", 0.12, 1800),
            "chlorophyll": RedNoise(seed, f"{place}/chlorophyll", 0.15, 3600),
            "ammonium": RedNoise(seed, f"{place}/ammonium", 0.1, 7200),
        }
        sds = {"level": 0.004, "salinity": 0.008, "temperature": 0.006, "oxygen": 0.015, "ph": 0.004}
        sds |= {"turbidity": 0.02, "chlorophyll": 0.03, "ammonium": 0.01}
        self._white = {name: WhiteNoise(seed, f"{place}/{name}", sd) for name, sd in sds.items()}

    def level(self, t: float) -> float:
        """Water above the pressure sensor, m; a sensor that falls dry reads nothing but its noise."""
        return max(0.0, self._body.mean_level_m + self._tide.at(t)) + self._white["level"].at(t)

    def _flood(self, t: float) -> float:
        """The tide that the salt follows, about -1 to 1."""
        return math.tanh(self._tide.at(t - self._body.salinity_lag_s) / 1.3)

    def salinity(self, t: float) -> float:
        """Practical salinity."""
        body = self._body
        slow = body.salinity + body.salinity_swing * self._flood(t) + self._red["salinity"].at(t)
        return max(0.05, slow * (1 - 0.25 * self._rain.wetness(t)) + self._white["salinity"].at(t))

    def temperature(self, t: float) -> float:
        """Water temperature, °C."""
        sun = _daily(t, WARMEST_HOUR)
        cooled = 2.5 * self._rain.wetness(t)
        steady = self._body.temperature + self._body.temperature_swing * sun - cooled
        return steady + self._red["temperature"].at(t) + self._white["temperature"].at(t)

    def conductivity(self, t: float) -> float:
        """Conductivity at the water's temperature, mS/cm."""
        return seawater.conductivity(self.salinity(t), self.temperature(t))

    def ec(self, t: float) -> float:
        """Specific conductance at 25 °C, mS/cm."""
        return seawater.specific(self.conductivity(t), self.temperature(t))

    def oxygen(self, t: float) -> float:
        """Dissolved oxygen, mg/l."""
        steady = self._body.oxygen + self._body.oxygen_swing * _daily(t, WARMEST_HOUR)
        return max(0.1, steady + self._red["oxygen"].at(t) + self._white["oxygen"].at(t))

    def ph(self, t: float) -> float:
        """pH: up with the day's photosynthesis, down after rain, off by the electrode's drift."""
        steady = self._body.ph + 0.12 * _daily(t, WARMEST_HOUR) - 0.3 * self._rain.wetness(t)
        fouling = FOULING_A_DAY * (t / DAY_S % CLEANED_DAYS)
        return steady + self._red["ph"].at(t) + self._white["ph"].at(t) - fouling

    def turbidity(self, t: float) -> float:
        """Turbidity, NTU: stirred by the current, which is the slope of the tide, and by rain."""
        current = abs(self._tide.at(t + 600) - self._tide.at(t - 600)) / 0.2
        stirred = self._body.turbidity * (0.6 + 0.5 * current + 2.0 * self._rain.wetness(t))
        return stirred * math.exp(self._red["turbidity"].at(t)) * (1 + self._white["turbidity"].at(t))

    def chlorophyll(self, t: float) -> float:
        """Chlorophyll a, µg/l."""
        steady = self._body.chlorophyll * (1 + 0.25 * _daily(t, WARMEST_HOUR))
        return steady * math.exp(self._red["chlorophyll"].at(t)) * (1 + self._white["chlorophyll"].at(t))

    def ammonium(self, t: float) -> float:
        """Ammonium nitrogen, mg/l: more in the water that comes down at ebb."""
        steady = self._body.ammonium * (1 - 0.3 * self._flood(t))
        return steady * math.exp(self._red["ammonium"].at(t)) * (1 + self._white["ammonium"].at(t))


def _daily(t: float, peak_hour: float) -> float:
    """A wave of one day, 1 at `peak_hour` of the sun's time."""
    return math.cos(2 * math.pi * ((t + LOCAL_OFFSET_S) % DAY_S / 3600 - peak_hour) / 24)
