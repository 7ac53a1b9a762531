"""Interpretations of registers: all types, byte orders and address bases side by side, plausible ones marked. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from edge_agent.modbus.codec import BYTE_ORDERS, ByteOrder, NumberType, decode, width

TYPES: Final[tuple[NumberType, ...]] = ("float32", "int32", "uint32", "int16", "uint16")
SCALES: Final = (1.0, 0.1, 0.01, 0.001, 10.0)
"""Factors by which an instrument may have multiplied a whole number."""
TOLERANCE: Final = 0.005
"""How far the reading may have moved since a person read the display, as a share of it."""
LEAST, MOST = 1e-3, 1e5
"""A measured quantity in its usual unit lies between these, or is zero."""

Base = Literal[0, 1]
Mark = Literal["match", "plausible", ""]


class Interpretation(NamedTuple):
    """One way to read the registers."""

    type: NumberType
    base: Base
    order: ByteOrder
    raw: str
    """The words, hexadecimal."""
    value: float | None
    """None: not a number."""
    scale: float
    """What it must be multiplied by to match the display."""
    mark: Mark


def readings(
    words: Mapping[int, int], at: int, types: Iterable[NumberType] = TYPES, expect: float | None = None
) -> list[Interpretation]:
    """Return every way to read what stands at an address as a manual prints it.

    Args:
        words: registers by wire address.
        at: the manual's address; base 0 takes it as it is, base 1 means the wire address below it.
        types: number types to try.
        expect: what the instrument's display shows; the ways that give it are marked `match`.
    """
    found = []
    bases: tuple[Base, ...] = (0, 1)
    for kind in types:
        for base in bases:
            span = [words.get(at - base + place) for place in range(width(kind))]
            if None not in span:
                found += _orders(kind, base, [word for word in span if word is not None], expect)
    return found


def best(found: Sequence[Interpretation]) -> list[Interpretation]:
    """Return those marked `match`, else those marked `plausible`."""
    return [one for one in found if one.mark == "match"] or [one for one in found if one.mark == "plausible"]


def _orders(kind: NumberType, base: Base, words: Sequence[int], expect: float | None) -> list[Interpretation]:
    orders: tuple[ByteOrder, ...] = BYTE_ORDERS if len(words) > 1 else ("ABCD", "BADC")
    raw = " ".join(f"{word:04X}" for word in words)
    found = []
    for order in orders:
        number = float(decode(words, kind, order))
        value = number if math.isfinite(number) else None
        scale, mark = _judged(kind, value, expect)
        found.append(Interpretation(kind, base, order, raw, value, scale, mark))
    return found


def _judged(kind: NumberType, value: float | None, expect: float | None) -> tuple[float, Mark]:
    if value is None:
        return 1.0, ""
    if expect is not None:
        for scale in SCALES[:1] if kind.startswith("float") else SCALES:
            if abs(value * scale - expect) <= max(TOLERANCE * abs(expect), 1e-9):
                return scale, "match"
        return 1.0, ""
    return 1.0, "plausible" if kind.startswith("float") and LEAST <= abs(value) <= MOST else ""
