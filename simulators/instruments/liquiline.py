"""Endress+Hauser Liquiline CM44x: analogue inputs in blocks of four registers: float (high word first), status, unit.

Inputs 1 to 4 are connected. Status as in the guideline of 2011: 0 good, 1 uncertain, 2 bad. A bad value is 7FA00000,
the maker's not-a-number.
"""

from collections.abc import Mapping

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import READ_HOLDING, READ_INPUT
from simulators.instruments.registers import Bank, Producer, RegisterCell, Words, constant, float_words, single
from simulators.signals.source import Source

GOOD, UNCERTAIN, BAD = 0, 1, 2
NOT_A_NUMBER: Words = (0x7FA0, 0x0000)
INPUTS = (("ph", "[pH]"), ("water_temp", "Cel"), ("do", "mg/L"), ("ec", "mS/cm"))


class Liquiline:
    """The transmitter; `sources` has ph, water_temp, do and ec."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        cells = [RegisterCell(4 * place, 3, _input(sources[s], s, unit)) for place, (s, unit) in enumerate(INPUTS)]
        cells += [constant(4 * place + 3, place + 1) for place in range(len(INPUTS))]
        bank = Bank(cells, [(0, 4 * 16 - 1)])
        self.areas = {READ_HOLDING: bank, READ_INPUT: bank}


def _input(source: Source, signal: str, unit: str) -> Producer:
    def produce(t: float) -> tuple[Words, ServedValue]:
        sample = source(t)
        if sample.value is None or sample.state == "fault":
            return (*NOT_A_NUMBER, BAD), ServedValue(signal, None, unit, "fault")
        number = single(sample.value)
        status = UNCERTAIN if sample.state == "suspect" else GOOD
        return (*float_words(number), status), ServedValue(signal, number, unit, "suspect" if status else "ok")

    return produce
