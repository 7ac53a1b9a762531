"""In-Situ Aqua TROLL 500/600 on Modbus RTU: fixed parameter blocks of seven holding registers, floats high word first.

Wire address of parameter `p` = 5450 + 7 (p - 1): value (2), data quality, units, parameter id, sentinel (2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import READ_HOLDING
from simulators.instruments.registers import Bank, RegisterCell, Words, constant, finite, float_words, single
from simulators.signals.source import ProbeValue, Source

FIRST_BLOCK, BLOCK_WIDTH, LAST_PARAMETER = 5450, 7, 64
SCAN_REGISTER = 6947
SENTINEL = 0.0
NORMAL, SENSOR_ERROR, WIPER_WARNING, WARNING, CALIBRATING, SENSOR_MISSING = 0, 3, 4, 5, 6, 7
# What happens to a probe -> the quality id that the sonde gives, and the state that this id means to whoever reads it.
QUALITY = {"ok": NORMAL, "suspect": WARNING, "maint": WIPER_WARNING, "cal": CALIBRATING}
MEANING = {NORMAL: "ok", WARNING: "suspect", WIPER_WARNING: "suspect", CALIBRATING: "cal"}


@dataclass(frozen=True)
class TrollParameter:
    """A parameter of the sonde: its id, the id of its unit, and the unit's name."""

    id: int
    units: int
    unit: str
    factor: float = 1.0
    """From the world's unit to this one."""


# Journal word -> parameter. Not checked in a manual: ids of conductivity, salinity, turbidity; units 65, 97, 177, 194.
PARAMETERS = {
    "water_temp": TrollParameter(1, 1, "Cel"),
    "conductivity": TrollParameter(9, 65, "uS/cm", 1000.0),
    "ec": TrollParameter(10, 65, "uS/cm", 1000.0),
    "salinity": TrollParameter(12, 97, "[PSU]"),
    "ph": TrollParameter(17, 145, "[pH]"),
    "orp": TrollParameter(19, 162, "mV"),
    "do": TrollParameter(20, 117, "mg/L"),
    "do_sat": TrollParameter(21, 177, "%"),
    "turbidity": TrollParameter(25, 194, "[NTU]"),
    "battery": TrollParameter(33, 241, "%"),
}


class AquaTroll:
    """The sonde. `sources` names what is fitted by journal word; a parameter not fitted answers 0.0 with quality 7."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        fitted = {PARAMETERS[signal].id: signal for signal in sources}
        cells: list[RegisterCell] = [constant(SCAN_REGISTER, 0)]
        for parameter in range(1, LAST_PARAMETER + 1):
            signal = fitted.get(parameter)
            cells += _absent(parameter) if signal is None else _fitted(signal, sources[signal])
        last = FIRST_BLOCK + BLOCK_WIDTH * LAST_PARAMETER - 1
        self.areas = {READ_HOLDING: Bank(cells, [(FIRST_BLOCK, last), (SCAN_REGISTER, SCAN_REGISTER)])}


def block(parameter: int) -> int:
    """Wire address of a parameter's block."""
    return FIRST_BLOCK + BLOCK_WIDTH * (parameter - 1)


def _absent(parameter: int) -> list[RegisterCell]:
    return [constant(block(parameter), 0, 0, SENSOR_MISSING, 0, parameter, 0, 0)]


def _fitted(signal: str, source: Source) -> list[RegisterCell]:
    parameter = PARAMETERS[signal]
    start = block(parameter.id)

    def value(t: float) -> tuple[Words, ServedValue]:
        sample = source(t)
        state = MEANING.get(quality(sample), "fault")
        number = SENTINEL if state == "fault" else single((sample.value or 0.0) * parameter.factor)
        return float_words(number), ServedValue(signal, finite(number), parameter.unit, state)

    return [
        RegisterCell(start, 2, value),
        RegisterCell(start + 2, 1, lambda t: ((quality(source(t)),), None)),
        constant(start + 3, parameter.units, parameter.id, *float_words(SENTINEL)),
    ]


def quality(sample: ProbeValue) -> int:
    """Data quality id of a sample."""
    return SENSOR_MISSING if sample.value is None else QUALITY.get(sample.state, SENSOR_ERROR)
