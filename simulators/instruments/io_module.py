"""A remote I/O module with eight contacts and four analogue inputs, as they hang in a station's cabinet.

Function 02, inputs 0 to 7; function 04, input registers 0 (supply, mV, unsigned) and 1 (shelter temperature, 0.1 °C, signed).
A contact may be wired inverted: the relay of the mains supply closes when the mains is lost.
"""

from collections.abc import Mapping

from simulators.instruments.registers import Bank, Cell, Producer, Words
from simulators.journal import Served
from simulators.modbus_server import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, READ_DISCRETE, READ_INPUT, Refusal
from simulators.sample import Source

CONTACTS = 8
ANALOGUE_INPUTS = 4


class IoModule:
    """The module; `sources` has `door`, `mains` (1 = open, 1 = present), `battery_v` (V) and `shelter_temp` (°C)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._contacts = {0: ("door", False, sources["door"]), 1: ("mains", True, sources["mains"])}
        cells = [
            Cell(0, 1, _scaled("battery_v", sources["battery_v"], 1000, "mV", 1)),
            Cell(1, 1, _scaled("shelter_temp", sources["shelter_temp"], 10, "Cel", 10)),
        ]
        self._bank = Bank(cells, [(0, ANALOGUE_INPUTS - 1)])

    def bits(self, function: int, start: int, count: int, t: float) -> tuple[list[bool], list[Served]]:
        """Discrete inputs (function 2)."""
        if function != READ_DISCRETE:
            raise Refusal(ILLEGAL_FUNCTION)
        if start + count > CONTACTS:
            raise Refusal(ILLEGAL_ADDRESS)
        bits, served = [], []
        for number in range(start, start + count):
            closed = False
            if number in self._contacts:
                signal, inverted, source = self._contacts[number]
                holds = bool(source(t).value)
                closed = holds != inverted
                served.append(Served(signal, float(holds), "1"))
            bits.append(closed)
        return bits, served

    def registers(self, function: int, start: int, count: int, t: float) -> tuple[list[int], list[Served]]:
        """Input registers (function 4)."""
        if function != READ_INPUT:
            raise Refusal(ILLEGAL_FUNCTION)
        return self._bank.read(start, count, t)

    def write(self, start: int, words: list[int], t: float) -> None:
        """The module has no outputs."""
        raise Refusal(ILLEGAL_FUNCTION)


def _scaled(signal: str, source: Source, scale: int, unit: str, shown_per: int) -> Producer:
    def produce(t: float) -> tuple[Words, Served]:
        word = round((source(t).value or 0.0) * scale)
        return (word & 0xFFFF,), Served(signal, word / shown_per, unit)

    return produce
