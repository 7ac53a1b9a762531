"""Teledyne API gas analysers T100 (SO2), T200 (NO, NO2, NOx), T300 (CO) and T400 (O3) on Modbus.

Input registers (function 04) hold floats, high word first, at zero-based addresses; discrete inputs (function 02) hold
the warnings. The T400's map is the manual's; the concentration addresses of the others are not in public text and are
assumed to be laid out alike (range 1 at 18). The status bits are the T100's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import READ_DISCRETE, READ_INPUT
from simulators.instruments.registers import (
    Bank,
    Producer,
    RegisterCell,
    Words,
    bit,
    constant,
    finite,
    float_words,
    single,
)  # fmt: skip
from simulators.signals.source import ProbeValue, Source

LAST_REGISTER = 141
LAST_INPUT = 26
BOX_TEMPERATURE, INVALID, SPAN, SYSTEM_OK = 3, 15, 17, 19
RAISED = {"ok": (SYSTEM_OK,), "suspect": (SYSTEM_OK, BOX_TEMPERATURE), "cal": (SYSTEM_OK, SPAN), "fault": (INVALID,)}

T400_INTERNALS = {
    0: 4208.4, 2: 4211.9, 6: 1.0, 8: 1.0, 10: 0.4, 12: 0.4, 22: 0.3, 34: 58.0, 38: 36.2, 40: 798.0, 42: 29.6, 44: 31.5,
}  # fmt: skip


@dataclass(frozen=True)
class Concentration:
    """A gas at its wire address, in the analyser's unit; `factor` turns the scene's ppb into it."""

    address: int
    signal: str
    unit: str = "[ppb]"
    factor: float = 1.0


@dataclass(frozen=True)
class AnalyserModel:
    """The gases of one analyser, and the steady values of its internal readings by wire address."""

    gases: tuple[Concentration, ...]
    internals: Mapping[int, float]


MODELS = {
    "T400": AnalyserModel((Concentration(18, "o3"),), T400_INTERNALS),
    "T100": AnalyserModel((Concentration(18, "so2"),), {22: 0.2, 44: 32.0}),
    "T200": AnalyserModel((Concentration(18, "nox"), Concentration(20, "no"), Concentration(22, "no2")), {44: 32.4}),
    "T300": AnalyserModel((Concentration(18, "co", "[ppm]", 0.001),), {22: 0.02, 44: 31.8}),
}


class TeledyneAnalyser:
    """An analyser of the given model; `sources` has its gases by journal word, in ppb."""

    def __init__(self, model: str, sources: Mapping[str, Source]) -> None:
        kind = MODELS[model]
        cells = [RegisterCell(gas.address, 2, _gas(gas, sources[gas.signal])) for gas in kind.gases]
        cells += [constant(address, *float_words(value)) for address, value in kind.internals.items()]
        lead = sources[kind.gases[0].signal]
        warnings = [bit(number, _warning(number, lead)) for number in range(LAST_INPUT + 1)]
        self.areas = {READ_INPUT: Bank(cells, [(0, LAST_REGISTER)]), READ_DISCRETE: Bank(warnings, [(0, LAST_INPUT)])}


def _condition(sample: ProbeValue) -> str:
    """The state that the status bits can express."""
    return sample.state if sample.value is not None and sample.state in RAISED else "fault"


def _warning(number: int, source: Source) -> Callable[[float], tuple[bool, None]]:
    return lambda t: (number in RAISED[_condition(source(t))], None)


def _gas(gas: Concentration, source: Source) -> Producer:
    def produce(t: float) -> tuple[Words, ServedValue]:
        sample = source(t)
        number = single((sample.value or 0.0) * gas.factor)
        return float_words(number), ServedValue(gas.signal, finite(number), gas.unit, _condition(sample))

    return produce
