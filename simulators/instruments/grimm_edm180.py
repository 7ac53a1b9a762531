"""GRIMM EDM 180 dust monitor by Bayern-Hessen: PM10, PM2.5 and PM1 in ng/m³, a new measurement every six seconds.

Status bits: 1 these values were already fetched, 2 standby, 4 self test, 8 dryer on. Error bits: 1 under-pressure,
2 flow, 4 motor, 8 vacuum, 16 power was lost, 128 self test. The spare field carries temperature and humidity in tenths.
"""

import math
from collections.abc import Mapping

from simulators.buses.bayern_hessen import ComponentValue, rounded
from simulators.buses.journal import ServedValue
from simulators.signals.source import Source

INTERVAL_S = 6
ALREADY_FETCHED, STANDBY, DRYER = 1, 2, 8
FLOW_ERROR = 2
SERIAL = "180"
COMPONENTS = ((1, "pm10"), (2, "pm2_5"), (3, "pm1"))


class GrimmEdm180:
    """The monitor; `sources` has pm10, pm2_5 and pm1 in µg/m³, air_temp in °C and humidity in %."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = {signal: sources[signal] for signal in ("pm10", "pm2_5", "pm1", "air_temp", "humidity")}
        self._fetched: int | None = None
        self._standby = False

    def blocks(self, t: float) -> tuple[list[ComponentValue], list[ServedValue]]:
        """The latest measurement."""
        interval = math.floor(t / INTERVAL_S)
        moment = float(interval * INTERVAL_S)
        status = (ALREADY_FETCHED if interval == self._fetched else 0) | (STANDBY if self._standby else 0)
        status |= DRYER if self._humidity(moment) > 70 else 0
        self._fetched = interval
        blocks, served = [], []
        for component, signal in COMPONENTS:
            sample = self._sources[signal](moment)
            value = rounded((sample.value or 0.0) * 1000)
            error = FLOW_ERROR if sample.value is None or sample.state == "fault" else 0
            state = "fault" if error else "maint" if self._standby else "ok"
            blocks.append(ComponentValue(component, value, status, error, SERIAL, self._spare(component, moment)))
            served.append(ServedValue(signal, value, "ng/m3", state, measured=moment))
        return blocks, served

    def control(self, letter: str) -> None:
        """`R` runs, `S` stands by."""
        if letter in "RS":
            self._standby = letter == "S"

    def _humidity(self, t: float) -> float:
        return self._sources["humidity"](t).value or 0.0

    def _spare(self, component: int, t: float) -> str:
        housekeeping = {1: 10 * (self._sources["air_temp"](t).value or 0.0), 2: 10 * self._humidity(t)}
        return f"{round(housekeeping.get(component, 0.0)):06d}"
