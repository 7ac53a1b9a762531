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
        """Level and temperature."""
        return [
            _measured("water_level", self._level(t).value, 3, "m", t),
            _measured("water_temp", self._temperature(t).value, 2, "Cel", t),
        ]

    def verify(self, t: float) -> list[SensorValue]:
        """The status number: a dead cell shows here and as the value zero."""
        return [SensorValue("+0" if self._level(t).value is not None else f"+{CELL_ERROR}")]


def _measured(signal: str, value: float | None, decimals: int, unit: str, t: float) -> SensorValue:
    text = f"{value or 0.0:+.{decimals}f}"
    return SensorValue(text, ServedValue(signal, float(text), unit, "ok" if value is not None else "fault", measured=t))
