"""SDI-12 v1.4: commands and answers. Pure. The adapter on the line makes break and 7E1 itself.

Commands: ``aM!`` (answer ``atttn``, then a service request), ``aC!`` (``atttnn``, none), ``aD0!…aD9!`` data,
``aR0!…aR9!`` values at once; a ``C`` behind the first letter asks for a CRC.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from edge_agent.modbus.frames import crc16
from edge_agent.readings.misses import BadCheck, Garbled

_VALUES: Final = re.compile(r"(?:[+-](?:\d+\.?\d*|\.\d+))*")
_VALUE: Final = re.compile(r"[+-][\d.]+")
_MAX_DIGITS: Final = 7
_COMMAND: Final = re.compile(r"([MC])(\d?)|R(\d)")


class Announcement(NamedTuple):
    """Answer to a measurement command: wait `seconds` (or for the service request), then so many `values` are ready."""

    seconds: int
    values: int


def crc_characters(text: str) -> str:
    """Return the three CRC characters of an answer, address included: CRC-16/ARC in three six-bit pieces (4.4.12.3)."""
    crc = int.from_bytes(crc16(text.encode("ascii"), 0), "little")
    return "".join(chr(0x40 | (crc >> shift) & 0x3F) for shift in (12, 6, 0))


def without_crc(line: str) -> str:
    """Return an answer without its CRC characters; raises Garbled if they are wrong."""
    text, crc = line[:-3], line[-3:]
    if not text or not line.isascii() or crc != crc_characters(text):
        raise BadCheck(f"wrong CRC: {line!r}")
    return text


def measurement_command(address: str, kind: str, *, crc: bool) -> str:
    """Return the command of a kind written as in the manual: ``M``, ``M1``, ``C``, ``R0``."""
    if not _COMMAND.fullmatch(kind):
        raise ValueError(f"{kind!r} is no SDI-12 measurement; expected M, M1…M9, C, C1…C9 or R0…R9")
    return f"{address}{kind[0]}{'C' if crc else ''}{kind[1:]}!"


def parse_announcement(line: str, address: str) -> Announcement:
    """Return what ``atttn`` or ``atttnn`` announces; raises Garbled."""
    match = re.fullmatch(re.escape(address) + r"(\d{3})(\d{1,2})", line)
    if not match:
        raise Garbled(f"expected {address}tttn, got {line!r}")
    return Announcement(int(match[1]), int(match[2]))


def parse_data(line: str, address: str, *, crc: bool) -> list[float]:
    """Return the values of a data answer, empty for ``a`` alone (nothing measured); raises Garbled."""
    text = without_crc(line) if crc else line
    if text[:1] != address:
        raise Garbled(f"answer of another sensor than {address!r}: {line!r}")
    body = text[1:]
    if not _VALUES.fullmatch(body):
        raise Garbled(f"not SDI-12 values: {line!r}")
    values = _VALUE.findall(body)
    if any(sum(map(str.isdigit, value)) > _MAX_DIGITS for value in values):
        raise Garbled(f"a value of more than {_MAX_DIGITS} digits: {line!r}")
    return [float(value) for value in values]
