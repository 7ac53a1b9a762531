"""Lines of fields: NMEA 0183, Gill ASCII, and lines of a maker's own. Pure: bytes in, fields and values out.

NMEA: ``$WIMWV,214,R,3.4,M,A*3E``, the XOR of the characters between ``$`` and ``*``. Gill: ``STX body ETX hh``, the XOR
of the characters strictly between STX and ETX (Bayern-Hessen counts these two, Gill does not). Sources: NMEA 0183
version 3; Gill MaxiMet 1957-PS-021 pp. 38-44; WindObserver 1360-PS-0001 p. 46.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from typing import Final, NamedTuple

from edge_agent.readings.misses import BadCheck, Garbled
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, measured
from quantrac.config.lines import LineProfile, LineSignal, LineStatus, Stamp, Transducer
from quantrac.telemetry.states import State, worst

MAX_LINE: Final = 512
XDR_GROUP: Final = 4
"""Type, value, unit and name of each transducer."""
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")


class TextLine(NamedTuple):
    """One line: what it begins with, and its fields (the head is field 0)."""

    head: str
    fields: tuple[str, ...]


def exclusive_or(text: bytes) -> int:
    """Return the XOR of all bytes."""
    return reduce(xor, text, 0)


def parse(raw: bytes, profile: LineProfile) -> TextLine:
    """Return the line in `raw`, its check done; raises Garbled or BadCheck."""
    if len(raw) > MAX_LINE:
        raise Garbled(f"a line of more than {MAX_LINE} characters: {raw[:40]!r}")
    body = _UNFRAME[profile.protocol](raw)
    if not body.isascii() or any(byte < 0x20 and byte != 0x09 for byte in body):
        raise Garbled(f"not printable ASCII: {body[:40]!r}")
    text = body.decode("ascii")
    fields = text.split() if profile.separator == " " else [field.strip() for field in text.split(profile.separator)]
    return TextLine(text, tuple(fields))


def carries(line: TextLine, signal: LineSignal, profile: LineProfile, address: str | None) -> bool:
    """Return whether a line is about a signal."""
    return is_headed(line, signal.line, profile, address) and all(
        at < len(line.fields) and line.fields[at] == text for at, text in signal.where.items()
    )


def is_headed(line: TextLine, head: str, profile: LineProfile, address: str | None) -> bool:
    """Return whether a line has a head: an NMEA sentence of our talker, Gill's node, or a beginning."""
    first = line.fields[0] if line.fields else ""
    if profile.protocol == "nmea-0183":
        return first[2:] == head and address in (None, first[:2])
    if profile.protocol == "gill-ascii":
        return address in (None, first) and line.head.startswith(head)
    return line.head.startswith(head)


def decode(line: TextLine, signal: LineSignal, profile: LineProfile, others: Mapping[str, TextLine]) -> Measured:
    """Return a signal of the line that carries it, in its own unit.

    Args:
        line: the line.
        signal: which field of it.
        profile: for its tables.
        others: the newest line of each head that a status stands in.
    """
    text = _transducer(line, signal.transducer) if signal.transducer else _field(line, signal.field)
    state = worst(_state(line if s.line is None else others.get(s.line), s, profile) for s in signal.status)
    wrong = any(_field(line, at) != expected for at, expected in signal.valid.items())
    if text is None or wrong or not _NUMBER.fullmatch(text):
        return Measured(None, worst((state, NO_MEASUREMENT.state)))
    return measured(signal, float(text), state)


def stamped_ms(line: TextLine, stamp: Stamp) -> int:
    """Return the end of what a line measured, milliseconds since 1970 UTC; raises Garbled."""
    text = _field(line, stamp.field) or ""
    try:
        local = datetime.strptime(text, stamp.format)  # noqa: DTZ007 (the zone follows)
    except ValueError as error:
        raise Garbled(f"not a time as {stamp.format}: {text!r}") from error
    sign = -1 if stamp.zone[0] == "-" else 1
    ahead = sign * timedelta(hours=int(stamp.zone[1:3]), minutes=int(stamp.zone[4:6]))
    end_ms = round((local.replace(tzinfo=UTC) - ahead).timestamp() * 1000)
    return end_ms if stamp.means == "end" else end_ms + stamp.covers_ms


def _field(line: TextLine, at: int | None) -> str | None:
    return line.fields[at] if at is not None and at < len(line.fields) else None


def _transducer(line: TextLine, wanted: Transducer) -> str | None:
    groups = [line.fields[at : at + XDR_GROUP] for at in range(1, len(line.fields) - XDR_GROUP + 1, XDR_GROUP)]
    for kind, value, _, name in groups:
        if kind == wanted.type and wanted.id in (None, name):
            return value
    return None


def _state(line: TextLine | None, status: LineStatus, profile: LineProfile) -> State:
    """Return what a status says; one that is not there, or is no number, says fault."""
    texts = line.fields[status.field : status.field + status.count] if line else ()
    try:
        words = [int(text, status.base) for text in texts]
    except ValueError:
        return State.FAULT
    if len(words) != status.count:
        return State.FAULT
    word = words[0] if status.count == 1 else sum((word != 0) << bit for bit, word in enumerate(words))
    return profile.states[status.table].state_of(word)


def _nmea(raw: bytes) -> bytes:
    found = re.fullmatch(rb"[^$!]*[$!]([^*\r\n]*)\*([0-9A-Fa-f]{2})\s*", raw)
    if not found:
        raise Garbled(f"not an NMEA sentence with a checksum: {raw[:40]!r}")
    if exclusive_or(found[1]) != int(found[2], 16):
        raise BadCheck(f"checksum {found[2].decode()} should be {exclusive_or(found[1]):02X}: {raw[:60]!r}")
    return found[1]


def _gill(raw: bytes) -> bytes:
    found = re.fullmatch(rb"[^\x02]*\x02([^\x02\x03]*)\x03([0-9A-Fa-f]{2})\s*", raw, re.DOTALL)
    if not found:
        raise Garbled(f"not a Gill message: {raw[:40]!r}")
    if exclusive_or(found[1]) != int(found[2], 16):
        raise BadCheck(f"checksum {found[2].decode()} should be {exclusive_or(found[1]):02X}: {raw[:60]!r}")
    return found[1]


def _bare(raw: bytes) -> bytes:
    return raw.strip(b"\r\n\0 *")


_UNFRAME: Final[Mapping[str, Callable[[bytes], bytes]]] = {"nmea-0183": _nmea, "gill-ascii": _gill, "line": _bare}


def newest(lines: Sequence[TextLine], signal: LineSignal, profile: LineProfile, address: str | None) -> TextLine | None:
    """Return the last of some lines that carries a signal; None if none does."""
    return next((line for line in reversed(lines) if carries(line, signal, profile, address)), None)
