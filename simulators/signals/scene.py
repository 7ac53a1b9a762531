"""The scene of a station: a source for each of its signals, from a model or from a recording."""

import math
from collections.abc import Callable

from simulators.signals import seawater
from simulators.signals.air import Air
from simulators.signals.noise import RedNoise, WhiteNoise
from simulators.signals.recording import Dithered
from simulators.signals.source import ProbeValue, Source
from simulators.signals.water import Water

Scene = dict[str, Source]


def good(function: Callable[[float], float]) -> Source:
    """A source that is always well."""
    return lambda t: ProbeValue(function(t))


def water_scene(water: Water) -> Scene:
    """Signals of a modelled river; oxygen saturation is added by `with_saturation` once the script is known."""
    return {
        "water_level": good(water.level),
        "water_temp": good(water.temperature),
        "salinity": good(water.salinity),
        "conductivity": good(water.conductivity),
        "ec": good(water.ec),
        "do": good(water.oxygen),
        "ph": good(water.ph),
        "turbidity": good(water.turbidity),
        "chl_a": good(water.chlorophyll),
        "nh4_n": good(water.ammonium),
    }


def with_saturation(scene: Scene) -> Scene:
    """The scene with oxygen saturation that fits its oxygen, temperature and salinity, unless it has its own."""
    if "do" not in scene or "do_sat" in scene:
        return scene
    oxygen, temperature, salinity = scene["do"], scene["water_temp"], scene["salinity"]

    def saturation(t: float) -> ProbeValue:
        sample, warm, salt = oxygen(t), temperature(t).value, salinity(t).value
        if sample.value is None or warm is None or salt is None:
            return ProbeValue(None, "fault")
        return ProbeValue(100 * sample.value / seawater.oxygen_at_saturation(warm, salt), sample.state)

    return scene | {"do_sat": saturation}


def recorded_water(recording: Dithered, names: set[str]) -> Scene:
    """Signals of a recorded estuary: a value that was not recorded is a probe's fault."""

    def conductivity(t: float) -> ProbeValue:
        specific, warm = recording.at("ec", t), recording.at("water_temp", t)
        return _recorded(None if specific is None or warm is None else seawater.actual(specific, warm))

    columns = names & {"water_temp", "ec", "salinity", "do_sat", "do", "ph", "turbidity"}
    scene = {name: _column(recording, name) for name in columns}
    return scene | ({"conductivity": conductivity} if {"ec", "water_temp"} <= names else {})


def air_scene(air: Air) -> Scene:
    """Signals of modelled air and weather; gases in ppb, dust in µg/m³."""
    return {
        "pm2_5": good(air.pm2_5),
        "pm10": good(air.pm10),
        "pm1": good(air.pm1),
        "o3": good(air.o3),
        "so2": good(air.so2),
        "no": good(air.no),
        "no2": good(air.no2),
        "nox": good(air.nox),
        "co": good(air.co),
        "air_temp": good(air.temperature),
        "humidity": good(air.humidity),
        "pressure": good(air.pressure),
        "wind_speed": good(air.wind_speed),
        "wind_dir": good(air.wind_dir),
        "rain": good(air.rain.counter_mm),
        "rain_intensity": good(air.rain.intensity_mm_h),
    }


def recorded_weather(recording: Dithered, names: set[str]) -> Scene:
    """Signals of a recorded weather station."""

    def intensity(t: float) -> float:
        return max(0.0, 60 * (recording.sum_since_month("rain", t) - recording.sum_since_month("rain", t - 60)))

    columns = names & {"air_temp", "humidity", "pressure", "wind_speed", "wind_dir"}
    scene = {name: _column(recording, name) for name in columns}
    if "rain" in names:
        scene |= {"rain": good(lambda t: recording.sum_since_month("rain", t)), "rain_intensity": good(intensity)}
    return scene


def cabinet_scene(seed: int, place: str) -> Scene:
    """Door, mains, supply (V, charged by the sun) and temperature (°C) of the station's cabinet."""
    slow = RedNoise(seed, f"{place}/cabinet", 0.6, 3600)
    ripple = WhiteNoise(seed, f"{place}/supply", 0.01)

    def sun(t: float) -> float:
        return math.cos(2 * math.pi * ((t + 7 * 3600) % 86400 / 3600 - 14) / 24)

    return {
        "door": good(lambda _: 0.0),
        "mains": good(lambda _: 1.0),
        "battery_v": good(lambda t: 13.2 + 0.35 * max(0.0, sun(t)) + ripple.at(t)),
        "shelter_temp": good(lambda t: 31.0 + 4.0 * sun(t) + slow.at(t)),
    }


def _column(recording: Dithered, name: str) -> Source:
    return lambda t: _recorded(recording.at(name, t))


def _recorded(value: float | None) -> ProbeValue:
    return ProbeValue(None, "fault") if value is None else ProbeValue(value)
