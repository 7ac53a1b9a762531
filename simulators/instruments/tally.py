"""An invented instrument for tests: every value shows which request it answers and which registers it stands in.

Holding and input registers 0 to 119 are sixty pairs, each a uint32, high word first: 64 n + k, where n counts the
requests that the instrument has answered (from 1, up to 2^26 - 1) and k = 0 … 59 is the pair. A value that turns up
beside another request, or as another signal, gives itself away.
"""

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, READ_HOLDING, READ_INPUT, Refusal

PAIRS, PER_REQUEST = 60, 64


class Tally:
    """The instrument; signal `tally_<k>` of the journal is pair k, at register 2 k."""

    def __init__(self) -> None:
        self._answered = 0
        self.areas = {READ_HOLDING: self, READ_INPUT: self}

    def read(self, start: int, count: int, t: float) -> tuple[list[int], list[ServedValue]]:  # noqa: ARG002 (an Area)
        """The registers of one answer; refuses what lies beyond the last pair."""
        if start + count > 2 * PAIRS:
            raise Refusal(ILLEGAL_ADDRESS)
        self._answered += 1
        first = PER_REQUEST * self._answered
        pairs = range(-(-start // 2), (start + count) // 2)
        served = [ServedValue(f"tally_{pair}", float(first + pair), "1") for pair in pairs]
        return [first + at // 2 >> (16 if at % 2 == 0 else 0) & 0xFFFF for at in range(start, start + count)], served

    def write(self, start: int, words: list[int], t: float) -> None:  # noqa: ARG002 (an Area)
        """It takes no writes."""
        raise Refusal(ILLEGAL_FUNCTION)

    def has_holes(self, start: int, count: int) -> bool:
        """It has every address up to the last."""
        return start + count > 2 * PAIRS
