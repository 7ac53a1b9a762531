"""How well neighbouring stations find a sensor that is off, and whom they accuse wrongly. Nothing is started.

No recording at hand has several stations, so they are made up: weather of a region in the tropics, with its tide and
river, and beside it at each station what is its own (sun, breeze, wind, rain that cools one station by up to 8 °C for
some hours, floods), so that daily means of the air differ by 1 °C (standard deviation) between two of them; and the
rivers of the demo as the simulators make them. Faults are put in for a deployment of thirty days.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from quantrac.quality.neighbours import AGREEMENTS, COMPANION, MOST, REACH_H, HoursOfStations, judge
from quantrac.quality.series import Floats, Mask
from quantrac.telemetry.quality import Quality
from simulators.field.plan import PACKAGED, load_field
from simulators.signals.water import Water

DAYS, FAULT_DAY, DEPLOYMENT = 365, 180, 30
HOUR = np.arange(DAYS * 24)
SEEDS = 3
FAULTS: Mapping[str, tuple[float, ...]] = {
    "air_temp": (-3.0, -4.0, -5.0),
    "humidity": (-15.0, -20.0),
    "pressure": (-3.0, 5.0),
    "water_temp": (-2.0, -3.0, -5.0),
    "water_level": (-0.5, 0.7),
}
TIDES = ((0.9, 12.4206, 1.0), (0.36, 12.0, 2.0), (0.2, 12.6583, 0.5), (0.6, 23.9345, 3.0), (0.45, 25.8193, 0.2))
Station = Mapping[str, Floats]
"""Hours by parameter."""


def run() -> Iterator[str]:
    """Yield a line a network and parameter."""
    for stations in (3, 5):
        for parameter in AGREEMENTS:
            some = [made_up(seed, stations) for seed in range(SEEDS)]
            yield f"{stations} made-up stations, {parameter}: {_scored(some, parameter)}"
    rivers = simulated()
    for parameter in ("water_temp", "water_level"):
        yield f"{len(rivers)} simulated rivers, {parameter}: {_scored([rivers], parameter)}"


def _scored(networks: list[list[Station]], parameter: str) -> str:
    false, known = 0, 0
    found: dict[float, list[float]] = {off: [] for off in FAULTS[parameter]}
    begin, end = FAULT_DAY * 24, (FAULT_DAY + DEPLOYMENT) * 24
    for network in networks:
        for own in range(min(len(network), 3)):
            good = ~np.isnan(network[own][parameter][REACH_H:])
            false += int(np.count_nonzero(_blamed(network, own, parameter, 0.0) & good))
            known += int(np.count_nonzero(good))
            for off, shares in found.items():
                there = slice(begin - REACH_H, end - REACH_H)
                blamed = _blamed(network, own, parameter, off)[there]
                shares.append(float(np.mean(blamed[good[there]])))
    recall = ", ".join(f"{off:+g}: {np.mean(shares):.2f}" for off, shares in found.items())
    return f"{100 * false / known:.2f} % of the good hours blamed; of a deployment off by {recall}"


def _blamed(network: list[Station], own: int, parameter: str, off: float) -> Mask:
    """Return which hours of a station are blamed when it is off for a deployment."""
    others = [place for place in range(len(network)) if place != own][:MOST]

    def hours(name: str) -> HoursOfStations:
        return HoursOfStations(network[own][name], np.array([network[place][name] for place in others]))

    told = hours(parameter)
    faulty = told.own.copy()
    faulty[FAULT_DAY * 24 : (FAULT_DAY + DEPLOYMENT) * 24] += off
    if parameter == "humidity":
        faulty = np.clip(faulty, 0, 100)
    companion = COMPANION.get(parameter, "")
    beside = hours(companion) if companion in network[own] else None
    at = np.arange(REACH_H, len(HOUR))
    found = judge(parameter, HoursOfStations(faulty, told.others), at, beside)
    return np.asarray(found.flag >= Quality.SUSPECT)


def made_up(seed: int, stations: int) -> list[Station]:
    """Return the hours of a year of stations some ten kilometres apart."""
    chance = np.random.default_rng(seed)
    year, sun = HOUR / 8766 * 2 * np.pi, np.cos(2 * np.pi * (HOUR % 24 - 14) / 24)
    clear = chance.normal(1, 0.35, DAYS)
    front, moisture = _red(chance, 1.2, 72), 23 + 2 * np.cos(year) + _red(chance, 1.0, 48)
    pressure = 1010 + _red(chance, 2.5, 96) + 1.5 * np.cos(4 * np.pi * (HOUR % 24 - 10) / 24)
    river, river_level, flow = _red(chance, 0.9, 150), _red(chance, 0.08, 40), _red(chance, 0.5, 500)
    network: list[Station] = []
    for _ in range(stations):
        own_clear = np.repeat(np.clip(clear * chance.normal(1, 0.2, DAYS), 0.1, 2), 24)
        rain = _rain(chance)
        air = (
            27 + chance.normal(0, 0.6) + 1.5 * np.cos(year - 3) + (1 + chance.normal(0, 0.15)) * front + rain
            + chance.uniform(2, 4.5) * own_clear * sun + _red(chance, 0.6, 8) + _red(chance, 0.35, 120)
            + chance.uniform(-0.5, 0.5) * np.cos(year + chance.uniform(0, 6))
        )  # fmt: skip
        dew = np.minimum(moisture + chance.normal(0, 0.4) + _red(chance, 0.6, 12) + 0.3 * (rain < -0.5), air - 0.2)
        late, tide = chance.uniform(0, 2.5), np.zeros(len(HOUR))
        for height, period, phase in TIDES:
            tide += height * np.cos(2 * np.pi * (HOUR - late) / period + phase)
        measured = {
            "air_temp": air,
            "humidity": np.clip(100 * _vapour(dew) / _vapour(air) + chance.normal(0, 1, len(HOUR)), 20, 100),
            "pressure": pressure + chance.normal(0, 1.5) + _red(chance, 0.25, 12) + _red(chance, 0.15, 200),
            "water_temp": 28 + chance.normal(0, 0.5) + 1.2 * np.cos(year - 3) + river + 0.5 * sun
            + _red(chance, 0.3, 80) + _red(chance, 0.15, 5) + 0.2 * rain,
            "water_level": chance.normal(0, 0.3) + chance.uniform(0.7, 1.1) * tide + chance.uniform(0.15, 0.45) * flow
            + river_level + _red(chance, 0.04, 30),
        }  # fmt: skip
        lost = chance.random(len(HOUR)) < 0.01
        for begin in chance.integers(0, len(HOUR) - 100, 4).tolist():
            lost[begin : begin + int(chance.integers(3, 60))] = True
        network.append({name: np.where(lost, np.nan, value) for name, value in measured.items()})
    return network


def _red(chance: np.random.Generator, deviation: float, memory_h: float) -> Floats:
    """Return noise that forgets within so many hours."""
    kept = float(np.exp(-1 / memory_h))
    value, found = float(chance.normal(0, deviation)), []
    for shock in chance.normal(0, deviation * np.sqrt(1 - kept**2), len(HOUR)).tolist():
        value = kept * value + shock
        found.append(value)
    return np.array(found)


def _rain(chance: np.random.Generator) -> Floats:
    """Return by how much showers cool one station, °C: more of them in the wet half of the year."""
    cooled = np.zeros(len(HOUR))
    for day in range(DAYS):
        if chance.random() < 0.35 * (1 - 0.6 * np.cos(day / 365.25 * 2 * np.pi)):
            begin, hours = day * 24 + int(chance.uniform(12, 20)), int(chance.integers(2, 6))
            shower = cooled[begin : begin + hours]
            shower -= chance.uniform(2, 8) * np.linspace(1, 0.3, len(shower))
    return cooled


def _vapour(temperature: Floats) -> Floats:
    """Return the pressure of saturated vapour, hPa (WMO-No. 8)."""
    return np.asarray(6.112 * np.exp(17.62 * temperature / (243.12 + temperature)))


def simulated() -> list[Station]:
    """Return the rivers of the demo's field, an hour a value."""
    plan = load_field(PACKAGED)
    rivers = [Water(plan.seed, name, station.water) for name, station in plan.stations.items() if station.water]
    times = (1_790_000_000 + 3600.0 * HOUR).tolist()
    return [
        {
            "water_temp": np.array([river.temperature(t) for t in times]),
            "water_level": np.array([river.level(t) for t in times]),
        }
        for river in rivers
    ]
