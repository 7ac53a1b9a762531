"""In-Situ Aqua TROLL 500/600 on Modbus RTU: fixed parameter blocks of seven holding registers, floats high word first.

Wire address of parameter `p` = 5450 + 7 (p - 1): value (2), data quality, units, parameter id, sentinel (2).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.buses.journal import Served
from simulators.buses.modbus import READ_HOLDING
from simulators.instruments.registers import Bank, Cell, Words, constant, finite, float_words, single
from simulators.signals.source import Sample, Source

FIRST_BLOCK, BLOCK_WIDTH, LAST_PARAMETER = 5450, 7, 64
SCAN_REGISTER = 6947
SENTINEL = 0.0
NORMAL, CALIBRATION_EXPIRED, SENSOR_ERROR, WIPER_WARNING, WARNING, CALIBRATING, SENSOR_MISSING = 0, 1, 3, 4, 5, 6, 7
# What happens to a probe -> the quality id that the sonde gives, and the state that this id means to whoever reads it.
QUALITY = {"ok": NORMAL, "suspect": WARNING, "maint": WIPER_WARNING, "cal": CALIBRATING}
MEANING = {NORMAL: "ok", WARNING: "suspect", WIPER_WARNING: "suspect", CALIBRATING: "cal"}


@dataclass(frozen=True)
class Parameter:
    """A parameter of the sonde: its id, the id of its unit, and the unit's name."""

    id: int
    units: int
    unit: str
    factor: float = 1.0
    """From the world's unit to this one."""


# Journal word -> parameter. Not checked in a manual: ids of conductivity, salinity, turbidity; units 65, 97, 177, 194.
PARAMETERS = {
    "water_temp": Parameter(1, 1, "Cel"),
    "conductivity": Parameter(9, 65, "uS/cm", 1000.0),
    "ec": Parameter(10, 65, "uS/cm", 1000.0),
    "salinity": Parameter(12, 97, "[PSU]"),
    "ph": Parameter(17, 145, "[pH]"),
    "orp": Parameter(19, 162, "mV"),
    "do": Parameter(20, 117, "mg/L"),
    "do_sat": Parameter(21, 177, "%"),
    "turbidity": Parameter(25, 194, "[NTU]"),
    "battery": Parameter(33, 241, "%"),
}


class AquaTroll:
    """The sonde. `sources` names what is fitted by journal word; a parameter not fitted answers 0.0 with quality 7."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        fitted = {PARAMETERS[signal].id: signal for signal in sources}
        cells: list[Cell] = [constant(SCAN_REGISTER, 0)]
        for parameter in range(1, LAST_PARAMETER + 1):
            signal = fitted.get(parameter)
            cells += _absent(parameter) if signal is None else _fitted(signal, sources[signal])
        last = FIRST_BLOCK + BLOCK_WIDTH * LAST_PARAMETER - 1
        self.areas = {READ_HOLDING: Bank(cells, [(FIRST_BLOCK, last), (SCAN_REGISTER, SCAN_REGISTER)])}


def block(parameter: int) -> int:
    """Wire address of a parameter's block."""
    return FIRST_BLOCK + BLOCK_WIDTH * (parameter - 1)


def _absent(parameter: int) -> list[Cell]:
    return [constant(block(parameter), 0, 0, SENSOR_MISSING, 0, parameter, 0, 0)]


def _fitted(signal: str, source: Source) -> list[Cell]:
    parameter = PARAMETERS[signal]
    start = block(parameter.id)

    def value(t: float) -> tuple[Words, Served]:
        sample = source(t)
        state = MEANING.get(quality(sample), "fault")
        number = SENTINEL if state == "fault" else single((sample.value or 0.0) * parameter.factor)
        return float_words(number), Served(signal, finite(number), parameter.unit, state)

    return [
        Cell(start, 2, value),
        Cell(start + 2, 1, lambda t: ((quality(source(t)),), None)),
        constant(start + 3, parameter.units, parameter.id, *float_words(SENTINEL)),
    ]


def quality(sample: Sample) -> int:
    """Data quality id of a sample."""
    return SENSOR_MISSING if sample.value is None else QUALITY.get(sample.state, SENSOR_ERROR)
