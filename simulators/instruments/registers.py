"""A register map: cells at wire addresses, filled with words when they are read."""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Refusal

Words = tuple[int, ...]
Writer = Callable[[int, int, float], None]  # address, word, Unix time; raises Refusal
Producer = Callable[[float], tuple[Words, ServedValue | None]]  # of Unix time


def float_words(value: float) -> Words:
    """IEEE 754 single as two registers, high word first (ABCD)."""
    return struct.unpack(">2H", struct.pack(">f", value))


def single(value: float) -> float:
    """The value after rounding to single precision: what float registers really carry."""
    return float(struct.unpack(">f", struct.pack(">f", value))[0])


def finite(value: float) -> float | None:
    """The value for the journal: JSON has no NaN."""
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class RegisterCell:
    """Registers that belong together: read whole, they are one value of the journal."""

    address: int
    width: int
    produce: Producer


def constant(address: int, *words: int) -> RegisterCell:
    """A cell that always holds the same words."""
    return RegisterCell(address, len(words), lambda _: (words, None))


class Bank:
    """One address space, of registers or of bits.

    `extents` are the readable ranges (first, last), zero where no cell lies; `writer` takes what is written, one
    address at a time, and is absent where nothing can be.
    """

    def __init__(self, cells: list[RegisterCell], extents: list[tuple[int, int]], writer: Writer | None = None) -> None:
        self._cells = sorted(cells, key=lambda cell: cell.address)
        self._extents = extents
        self._writer = writer

    def read(self, start: int, count: int, t: float) -> tuple[list[int], list[ServedValue]]:
        """Words `start` … `start + count - 1` at `t`; refuses a range with an undefined register in it."""
        end = start + count
        if not any(first <= start and end - 1 <= last for first, last in self._extents):
            raise Refusal(ILLEGAL_ADDRESS)
        words, served = [0] * count, []
        for cell in self._cells:
            if cell.address >= end or cell.address + cell.width <= start:
                continue
            content, value = cell.produce(t)
            for offset, word in enumerate(content):
                if start <= cell.address + offset < end:
                    words[cell.address + offset - start] = word
            if value is not None and start <= cell.address and cell.address + cell.width <= end:
                served.append(value)
        return words, served

    def has_holes(self, start: int, count: int) -> bool:
        """Whether a register without a cell lies among these."""
        filled = {cell.address + offset for cell in self._cells for offset in range(cell.width)}
        return not filled.issuperset(range(start, start + count))

    def write(self, start: int, words: list[int], t: float) -> None:
        """Write words from `start` on; refuses where nothing is writable."""
        if self._writer is None:
            raise Refusal(ILLEGAL_FUNCTION)
        for address, word in enumerate(words, start):
            self._writer(address, word, t)


def bit(address: int, holds: Callable[[float], tuple[bool, ServedValue | None]]) -> RegisterCell:
    """A coil or discrete input."""

    def produce(t: float) -> tuple[Words, ServedValue | None]:
        on, value = holds(t)
        return (int(on),), value

    return RegisterCell(address, 1, produce)
