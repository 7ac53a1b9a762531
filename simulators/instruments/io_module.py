"""A remote I/O module with eight contacts and four analogue inputs, as in a station's cabinet.

Function 02, inputs 0 to 7; function 04, input registers 0 (supply, mV, unsigned) and 1 (shelter, 0.1 °C, signed).
A contact may be wired inverted: the relay of the mains supply closes when the mains is lost.
"""

from collections.abc import Callable, Mapping

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import READ_DISCRETE, READ_INPUT
from simulators.instruments.registers import Bank, Producer, RegisterCell, Words, bit
from simulators.signals.source import Source

CONTACTS = 8
ANALOGUE_INPUTS = 4


class IoModule:
    """The module; `sources` has `door`, `mains` (1 = open, 1 = present), `battery_v` (V) and `shelter_temp` (°C)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        contacts = [
            bit(0, _contact("door", sources["door"], inverted=False)),
            bit(1, _contact("mains", sources["mains"], inverted=True)),
        ]
        analogue = [
            RegisterCell(0, 1, _scaled("battery_v", sources["battery_v"], 1000, "mV", 1)),
            RegisterCell(1, 1, _scaled("shelter_temp", sources["shelter_temp"], 10, "Cel", 10)),
        ]
        self.areas = {
            READ_DISCRETE: Bank(contacts, [(0, CONTACTS - 1)]),
            READ_INPUT: Bank(analogue, [(0, ANALOGUE_INPUTS - 1)]),
        }


def _contact(signal: str, source: Source, inverted: bool) -> Callable[[float], tuple[bool, ServedValue]]:
    """Return a contact that is closed or open; the journal has what it stands for."""

    def holds(t: float) -> tuple[bool, ServedValue]:
        meant = bool(source(t).value)
        return meant != inverted, ServedValue(signal, float(meant), "1")

    return holds


def _scaled(signal: str, source: Source, scale: int, unit: str, shown_per: int) -> Producer:
    def produce(t: float) -> tuple[Words, ServedValue]:
        word = round((source(t).value or 0.0) * scale)
        return (word & 0xFFFF,), ServedValue(signal, word / shown_per, unit)

    return produce
