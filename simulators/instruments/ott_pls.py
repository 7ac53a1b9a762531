"""OTT PLS pressure level sensor: level (m, three decimals) and water temperature by SDI-12; `aV!` gives its status.

Status: 0 well, 128 flash, 256 watchdog, 512 memory, 1024 measuring cell, 2048 converter.
"""

from simulators.buses.journal import ServedValue
from simulators.buses.sdi12 import SensorValue
from simulators.signals.source import Source

CELL_ERROR = 1024


class OttPls:
    """The sensor; `level` in m of water above it, `temperature` in °C."""

    # allccccccccmmmmmmvvvxxx… without the address: SDI-12 1.3, maker, model, version, serial number
    identification = "13OTT     PLS   124SN318422"

    def __init__(self, level: Source, temperature: Source, measuring_s: float = 0.5) -> None:
        self._level, self._temperature = level, temperature
        self.measuring_s = measuring_s

    def measure(self, t: float) -> list[SensorValue]:
        """Level and temperature; zeros of a dead cell."""
        level, temperature = self._cell(t)
        return [_measured("water_level", level, 3, "m", t), _measured("water_temp", temperature, 2, "Cel", t)]

    def verify(self, t: float) -> list[SensorValue]:
        """The status number: a dead cell shows here and as the value zero."""
        return [SensorValue(f"+{CELL_ERROR}" if None in self._cell(t) else "+0")]

    def _cell(self, t: float) -> tuple[float | None, float | None]:
        """What the one cell measures: level and temperature, or neither."""
        level, temperature = self._level(t).value, self._temperature(t).value
        return (None, None) if level is None or temperature is None else (level, temperature)


def _measured(signal: str, value: float | None, decimals: int, unit: str, t: float) -> SensorValue:
    text = f"{value or 0.0:+.{decimals}f}"
    return SensorValue(text, ServedValue(signal, float(text), unit, "ok" if value is not None else "fault", measured=t))
