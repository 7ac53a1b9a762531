"""YSI EXO2 sonde behind the Modbus signal output adapter: parameter codes, their status, floats low word first.

Holding registers by wire address: 0 sample period (s), 1 force sample, 2 force wipe, 128-159 codes wanted, 256-287
status of each (0 available, 1 not set, 2 not available), 384-447 values in the order of the codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_HOLDING, Refusal
from simulators.instruments.registers import Bank, RegisterCell, Words, finite, float_words, single
from simulators.signals.source import ProbeValue, Source

PERIOD, FORCE_SAMPLE, FORCE_WIPE, CODES, STATUS, VALUES = 0, 1, 2, 128, 256, 384
PLACES = 32
AVAILABLE, NOT_SET, NOT_AVAILABLE = 0, 1, 2
WIPE_S = 15.0
WIPER_PARKED_V, WIPER_TURNING_V, WIPER_TURNING_MA = 1.15, 2.1, 110.0


@dataclass(frozen=True)
class ExoParameter:
    """A parameter: the journal's word, the unit, and the factor from the scene's unit to it."""

    signal: str
    unit: str
    factor: float = 1.0


PARAMETERS = {
    1: ExoParameter("water_temp", "Cel"),
    4: ExoParameter("conductivity", "mS/cm"),
    5: ExoParameter("conductivity", "uS/cm", 1000.0),
    6: ExoParameter("ec", "mS/cm"),
    7: ExoParameter("ec", "uS/cm", 1000.0),
    12: ExoParameter("salinity", "[PSU]"),
    18: ExoParameter("ph", "[pH]"),
    37: ExoParameter("turbidity", "[NTU]"),
    48: ExoParameter("nh4_n", "mg/L"),
    193: ExoParameter("chl_a", "ug/L"),
    211: ExoParameter("do_sat", "%"),
    212: ExoParameter("do", "mg/L"),
    223: ExoParameter("turbidity", "[FNU]"),
    229: ExoParameter("wiper_position", "V"),
    230: ExoParameter("external_power", "V"),
    239: ExoParameter("wiper_peak_current", "mA"),
}


class Exo2:
    """The sonde with the parameter codes it was set up for; `sources` by journal word in the scene's units."""

    def __init__(self, sources: Mapping[str, Source], codes: list[int]) -> None:
        self._sources = dict(sources)
        self._sources |= {"wiper_position": self._wiper_position, "wiper_peak_current": self._wiper_current}
        self._codes = codes + [0] * (PLACES - len(codes))
        self._period_s = 1
        self._wiped_at = float("-inf")
        cells = [RegisterCell(PERIOD, 1, lambda _: ((self._period_s,), None))]
        for place in range(PLACES):
            cells += [self._code_cell(place), self._status_cell(place), self._value_cell(place)]
        extents = [(PERIOD, FORCE_WIPE), (CODES, CODES + 31), (STATUS, STATUS + 31), (VALUES, VALUES + 63)]
        self.areas = {READ_HOLDING: Bank(cells, extents, self._write)}

    def swap_probe(self) -> None:
        """The first parameter goes to the end of the list."""
        last = self._codes.index(0) if 0 in self._codes else PLACES
        self._codes = [*self._codes[1:last], self._codes[0], *self._codes[last:]]

    def _write(self, address: int, word: int, t: float) -> None:
        """Sample period, force sample, force wipe, or the codes wanted."""
        if address == PERIOD and word:
            self._period_s = word
        elif address == FORCE_WIPE:
            self._wiped_at = t if word == 1 else self._wiped_at
        elif CODES <= address < CODES + PLACES:
            self._codes[address - CODES] = word
        elif address != FORCE_SAMPLE:
            raise Refusal(ILLEGAL_VALUE if address == PERIOD else ILLEGAL_ADDRESS)

    def _sample(self, place: int, t: float) -> tuple[int, ProbeValue]:
        """Status and sample of the parameter at a place of the list."""
        code = self._codes[place]
        if code == 0 or 0 in self._codes[:place]:
            return NOT_SET, ProbeValue(None)
        parameter = PARAMETERS.get(code)
        source = self._sources.get(parameter.signal) if parameter else None
        sample = source(t) if source else ProbeValue(None, "fault")
        usable = sample.value is not None and sample.state != "fault"
        return (AVAILABLE if usable else NOT_AVAILABLE), sample

    def _code_cell(self, place: int) -> RegisterCell:
        return RegisterCell(CODES + place, 1, lambda _: ((self._codes[place],), None))

    def _status_cell(self, place: int) -> RegisterCell:
        return RegisterCell(STATUS + place, 1, lambda t: ((self._sample(place, t)[0],), None))

    def _value_cell(self, place: int) -> RegisterCell:
        def value(t: float) -> tuple[Words, ServedValue | None]:
            status, sample = self._sample(place, t)
            parameter = PARAMETERS.get(self._codes[place])
            if status == NOT_SET or parameter is None:
                return (0, 0), None
            number = single((sample.value or 0.0) * parameter.factor) if status == AVAILABLE else 0.0
            high, low = float_words(number)
            state = "ok" if status == AVAILABLE else "fault"
            return (low, high), ServedValue(parameter.signal, finite(number), parameter.unit, state)

        return RegisterCell(VALUES + 2 * place, 2, value)

    def _wiping(self, t: float) -> bool:
        return 0 <= t - self._wiped_at < WIPE_S

    def _wiper_position(self, t: float) -> ProbeValue:
        return ProbeValue(WIPER_TURNING_V if self._wiping(t) else WIPER_PARKED_V)

    def _wiper_current(self, t: float) -> ProbeValue:
        return ProbeValue(WIPER_TURNING_MA if self._wiping(t) else 0.0)
