"""Bayern-Hessen protocol (Gesytec II): analysers and dust monitors that answer ``DA`` with ``MD…``. Pure.

Frame: ``STX text ETX BCC BCC``; the block check is the XOR of every byte from STX to ETX, both inclusive, as two
upper-case hexadecimal characters. A request ended by CR instead carries no check and is answered in the same style
(Thermo, Met One). Sources: Thermo 42i appendix C, Acoem Serinus manuals, GRIMM EDM 180 manual pp. 48-60.
"""

from __future__ import annotations

import re
from functools import reduce
from itertools import pairwise
from operator import xor
from typing import Final, NamedTuple

from edge_agent.readings.misses import BadCheck, Garbled

STX: Final = b"\x02"
ETX: Final = b"\x03"
CR: Final = b"\r"

_VALUE: Final = re.compile(r"([+-])(\d)(\d{3})([+-]\d{2})")
_ADDRESS: Final = re.compile(r"\d{3}")
_BYTE: Final = re.compile(r"[0-9A-Fa-f]{2}")


class Measurement(NamedTuple):
    """One block of an MD reply. What the status and error bits mean differs from maker to maker."""

    address: int | None
    """None: the instrument leaves it out when it is asked without one (Serinus)."""
    value: float
    status: int
    error: int
    serial: str
    spare: str


def block_check(frame: bytes) -> bytes:
    """Return the two check characters of a frame from STX to ETX inclusive."""
    return b"%02X" % reduce(xor, frame, 0)


def request(address: int | None, *, checked: bool = True) -> bytes:
    """Return the frame that asks for all values: ``DA`` or ``DA`` with a three-digit instrument address."""
    text = b"DA" if address is None else b"DA%03d" % address
    if not checked:
        return STX + text + CR
    return STX + text + ETX + block_check(STX + text + ETX)


def unframe(raw: bytes) -> str:
    """Return the text of the frame in `raw`, whatever stands before its STX; raises Garbled."""
    start = raw.find(STX)
    if start < 0:
        raise Garbled(f"no STX in {raw[:40]!r}")
    frame = raw[start:]
    etx = frame.find(ETX)
    if etx >= 0:
        if frame[etx + 1 : etx + 3] != block_check(frame[: etx + 1]):
            raise BadCheck(f"block check {frame[etx + 1 : etx + 3]!r} should be {block_check(frame[: etx + 1])!r}")
        body = frame[1:etx]
    else:
        body, end, _ = frame[1:].partition(CR)
        if not end:
            raise Garbled(f"frame without an end: {frame[:40]!r}")
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise Garbled(f"not ASCII: {body[:40]!r}") from error


def parse_value(text: str) -> float:
    """Return a value ``±nnnn±ee``: four digits, the point behind the first, a power of ten; raises Garbled."""
    match = _VALUE.fullmatch(text)
    if not match:
        raise Garbled(f"not a Bayern-Hessen value: {text!r}")
    sign, units, fraction, exponent = match.groups()
    return float(f"{sign}{units}.{fraction}e{exponent}")


def parse_measurements(text: str) -> list[Measurement]:
    """Return the blocks of an ``MDcc …`` reply; raises Garbled if it is none or blocks are missing.

    Blocks are told apart by an address followed by a value, because makers fill the fields behind the status bytes
    differently (GRIMM six digits, Serinus eight, Thermo joins serial number and spare field into ten).
    """
    if not re.match(r"MD\d{2}( |$)", text):
        raise Garbled(f"not an MD reply: {text[:40]!r}")
    expected = int(text[2:4])
    tokens = text[4:].split()
    values = [i for i, token in enumerate(tokens) if _VALUE.fullmatch(token)]
    starts = [i - 1 if i and _ADDRESS.fullmatch(tokens[i - 1]) else i for i in values]
    if values[:1] == [0]:
        starts = values
    if len(starts) != expected or (starts and starts[0] != 0):
        raise Garbled(f"MD reply announces {expected} values and holds {len(starts)}: {text[:80]!r}")
    return [_block(tokens[start:end]) for start, end in pairwise([*starts, len(tokens)])]


def _block(tokens: list[str]) -> Measurement:
    address = int(tokens.pop(0)) if _ADDRESS.fullmatch(tokens[0]) else None
    if len(tokens) < 3 or not (_BYTE.fullmatch(tokens[1]) and _BYTE.fullmatch(tokens[2])):
        raise Garbled(f"block without status and error bytes: {' '.join(tokens)!r}")
    serial, spare = [*tokens[3:5], "", ""][:2]
    return Measurement(address, parse_value(tokens[0]), int(tokens[1], 16), int(tokens[2], 16), serial, spare)
