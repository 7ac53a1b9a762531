"""WTW / YSI IQ SensorNet behind the module MIQ/MC-MOD: eight input registers a sensor, function 04.

High byte of the first register: number of the sensor; low byte: its status. Low byte of the fourth: value status, high
nibble for the main value, low nibble for the secondary one. What is not valid is sent as 0; while a sensor is cleaned
its values stand still.
"""

from collections.abc import Mapping

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import READ_INPUT
from simulators.instruments.registers import Bank, Producer, RegisterCell, Words, float_words, single
from simulators.signals.source import ProbeValue, Source

MEASURE, CALIBRATE, MAINTENANCE = 2, 3, 5
VALID, OVER_RANGE, INVALID = 1, 2, 3
BLOCK = 8
SENSORS = (("ph", "[pH]"), ("do", "mg/L"), ("ec", "mS/cm"), ("turbidity", "[NTU]"))
"""Sensors 1 to 4 and the unit of their main value; the secondary value is the temperature."""


class IqSensorNet:
    """The controller; `sources` has ph, do, ec, turbidity and water_temp."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._kept: dict[str, float] = {}
        cells = []
        for place, (signal, unit) in enumerate(SENSORS):
            at = BLOCK * place
            cells += [
                RegisterCell(at, 4, self._header(place + 1, signal)),
                RegisterCell(at + 4, 2, self._main(signal, unit)),
                RegisterCell(at + 6, 2, self._secondary(signal, first=place == 0)),
            ]
        self.areas = {READ_INPUT: Bank(cells, [(0, BLOCK * 30 - 1)])}

    def _header(self, number: int, signal: str) -> Producer:
        def produce(t: float) -> tuple[Words, None]:
            sample = self._sources[signal](t)
            status = {"cal": CALIBRATE, "maint": MAINTENANCE}.get(sample.state, MEASURE)
            main = _value_status(sample)
            return (number << 8 | status, 7, 0, 2 << 8 | main << 4 | VALID), None

        return produce

    def _main(self, signal: str, unit: str) -> Producer:
        def produce(t: float) -> tuple[Words, ServedValue]:
            sample = self._sources[signal](t)
            if _value_status(sample) != VALID:
                return float_words(0.0), ServedValue(signal, None, unit, sample.state if sample.value else "fault")
            number = single(sample.value or 0.0)
            if sample.state == "maint":
                number = self._kept.get(signal, number)
            self._kept[signal] = number
            return float_words(number), ServedValue(signal, number, unit, sample.state)

        return produce

    def _secondary(self, signal: str, *, first: bool) -> Producer:
        def produce(t: float) -> tuple[Words, ServedValue | None]:
            number = single(self._sources["water_temp"](t).value or 0.0)
            state = self._sources[signal](t).state
            carried = state if state in ("cal", "maint") else "ok"
            return float_words(number), ServedValue("water_temp", number, "Cel", carried) if first else None

        return produce


def _value_status(sample: ProbeValue) -> int:
    if sample.value is None or sample.state == "fault":
        return INVALID
    return OVER_RANGE if sample.state == "range" else VALID
