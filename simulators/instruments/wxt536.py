"""Vaisala WXT536 weather transmitter: wind, pressure, temperature, humidity, rain, and its supervisor values.

Each field is a name, a number and a unit letter; `#` in the letter's place marks a value that is not valid.
"""

import math
from collections.abc import Mapping

from simulators.buses.journal import ServedValue
from simulators.signals.source import Source

WIND_WINDOW_S = 3  # the minimum, mean and maximum of wind are taken over this many seconds

# field -> (journal word, unit letter, unit, decimals)
FIELDS = {
    "Dn": ("wind_dir_min", "D", "deg", 0), "Dm": ("wind_dir", "D", "deg", 0), "Dx": ("wind_dir_max", "D", "deg", 0),
    "Sn": ("wind_speed_min", "M", "m/s", 1), "Sm": ("wind_speed", "M", "m/s", 1),
    "Sx": ("wind_speed_max", "M", "m/s", 1),
    "Ta": ("air_temp", "C", "Cel", 1), "Ua": ("humidity", "P", "%", 1), "Pa": ("pressure", "H", "hPa", 1),
    "Rc": ("rain", "M", "mm", 2), "Rd": ("rain_duration", "s", "s", 0), "Ri": ("rain_intensity", "M", "mm/h", 1),
    "Th": ("heating_temp", "C", "Cel", 1), "Vh": ("heating_v", "N", "V", 1), "Vs": ("supply_v", "V", "V", 1),
    "Vr": ("reference_v", "V", "V", 3),
}  # fmt: skip
MESSAGES = {
    "1": ("Dn", "Dm", "Dx", "Sn", "Sm", "Sx"),
    "2": ("Ta", "Ua", "Pa"),
    "3": ("Rc", "Rd", "Ri"),
    "5": ("Th", "Vh", "Vs", "Vr"),
}
MESSAGES["0"] = MESSAGES["1"] + MESSAGES["2"] + MESSAGES["3"] + MESSAGES["5"]


class Wxt536:
    """The transmitter; `sources` has wind_speed (m/s), wind_dir, air_temp, humidity, pressure, rain (mm, a counter)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources

    def message(self, kind: str, t: float) -> tuple[list[str], list[ServedValue]]:
        """The fields of a data message and the values in them."""
        values = self._wind(t) | self._supervisor() if kind in "01" else self._supervisor()
        fields, served = [], []
        for name in MESSAGES[kind]:
            signal, letter, unit, decimals = FIELDS[name]
            value = values[signal] if signal in values else self._value(signal, t)
            text = f"{value or 0.0:.{decimals}f}"
            fields.append(f"{name}={text}{'#' if value is None else letter}")
            served.append(ServedValue(signal, float(text), unit, "ok" if value is not None else "fault"))
        return fields, served

    def _value(self, signal: str, t: float) -> float | None:
        source = self._sources.get(signal)
        return source(t).value if source else (0.0 if signal == "rain_duration" else None)

    def _wind(self, t: float) -> dict[str, float | None]:
        """Speed and direction of the last seconds; the extremes of direction are the outermost to either side."""
        speeds = [self._value("wind_speed", t - age) for age in range(WIND_WINDOW_S)]
        bearings = [self._value("wind_dir", t - age) for age in range(WIND_WINDOW_S)]
        known = [speed for speed in speeds if speed is not None]
        turned = [bearing for bearing in bearings if bearing is not None]
        if not known or not turned:
            return dict.fromkeys(
                ("wind_speed", "wind_speed_min", "wind_speed_max", "wind_dir", "wind_dir_min", "wind_dir_max")
            )
        mean = _mean_bearing(turned)
        away = [(bearing - mean + 180) % 360 - 180 for bearing in turned]
        return {
            "wind_speed": sum(known) / len(known),
            "wind_speed_min": min(known),
            "wind_speed_max": max(known),
            "wind_dir": _whole(mean),
            "wind_dir_min": _whole(mean + min(away)),
            "wind_dir_max": _whole(mean + max(away)),
        }

    def _supervisor(self) -> dict[str, float | None]:
        return {"heating_temp": 29.1, "heating_v": 12.1, "supply_v": 12.3, "reference_v": 3.512}


def _mean_bearing(bearings: list[float]) -> float:
    east = sum(math.sin(math.radians(bearing)) for bearing in bearings)
    north = sum(math.cos(math.radians(bearing)) for bearing in bearings)
    return math.degrees(math.atan2(east, north))


def _whole(bearing: float) -> float:
    """Rounded to a degree, 0 to 359."""
    return float(round(bearing) % 360)
