"""Lines of fields: NMEA 0183, Gill ASCII, and lines of a maker's own.

NMEA: ``$WIMWV,214,R,3.4,M,A*3E``, the XOR of the characters between ``$`` and ``*``. Gill: ``STX body ETX hh``, the XOR
of the characters strictly between STX and ETX (Bayern-Hessen counts these two, Gill does not). Sources: NMEA 0183
version 3; Gill MaxiMet 1957-PS-021 pp. 38-44; WindObserver 1360-PS-0001 p. 46.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from typing import Final, NamedTuple

from edge_agent.instruments.text_instrument import AskedInstrument, AskingBus, ListeningBus, Talker, TextPart
from edge_agent.lines.endings import Ending
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.lines.instrument import Unsuitable
from edge_agent.readings.misses import BadCheck, Garbled
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, Sample, measured
from quantrac.config.lines import LineProfile, LineSignal, LineStatus, Stamp, Transducer
from quantrac.config.stations import Device
from quantrac.telemetry.states import State, worst

MAX_LINE: Final = 512
XDR_GROUP: Final = 4
"""Type, value, unit and name of each transducer."""
_FRAMES: Final = {
    "nmea-0183": (
        re.compile(rb"[^$!]*[$!]([^*\r\n]*)\*([0-9A-Fa-f]{2})\s*"), "an NMEA sentence with a checksum",
    ),
    "gill-ascii": (
        re.compile(rb"[^\x02]*\x02([^\x02\x03]*)\x03([0-9A-Fa-f]{2})\s*", re.DOTALL), "a Gill message",
    ),
}  # fmt: skip
"""Framed lines by protocol, and what they are called: the checked characters, and the XOR of them in hexadecimal."""
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?")


class TextLine(NamedTuple):
    """One line: what it begins with, and its fields (the head is field 0)."""

    head: str
    fields: tuple[str, ...]


def parse(raw: bytes, profile: LineProfile) -> TextLine:
    """Return the line in `raw`, its check done; raises Garbled or BadCheck."""
    if len(raw) > MAX_LINE:
        raise Garbled(f"a line of more than {MAX_LINE} characters: {raw[:40]!r}")
    body = _unframed(raw, profile.protocol)
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
    """Return the state that a status means; fault if it is missing or no number."""
    texts = line.fields[status.field : status.field + status.count] if line else ()
    try:
        words = [int(text, status.base) for text in texts]
    except ValueError:
        return State.FAULT
    if len(words) != status.count:
        return State.FAULT
    word = words[0] if status.count == 1 else sum((word != 0) << bit for bit, word in enumerate(words))
    return profile.states[status.table].state_of(word)


def _unframed(raw: bytes, protocol: str) -> bytes:
    """Return what stands between the marks of a line, its check done; raises Garbled or BadCheck."""
    if protocol not in _FRAMES:
        return raw.strip(b"\r\n\0 *")
    pattern, name = _FRAMES[protocol]
    found = pattern.fullmatch(raw)
    if not found:
        raise Garbled(f"not {name}: {raw[:40]!r}")
    check = reduce(xor, found[1], 0)
    if check != int(found[2], 16):
        raise BadCheck(f"checksum {found[2].decode()} should be {check:02X}: {raw[:60]!r}")
    return bytes(found[1])


class PolledLines(AskedInstrument):
    """An instrument that answers a conversation with lines of fields."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, LineProfile):
            raise Unsuitable(f"{device.name}: expected a profile of lines")
        self._profile: LineProfile = device.profile

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked, ms: a late answer looks like the next one."""
        return max(self._bus.owed_ms(step.send) for step in self._profile.ask)

    def parts(self) -> Sequence[TextPart]:
        """Return the one conversation that a sample takes."""
        return (
            TextPart(" ".join(step.send.decode("latin-1").strip() or "…" for step in self._profile.ask), self._wanted),
        )

    async def read(self, part: AnyPart) -> list[Sample]:
        """Hold the conversation and take the newest line of each signal; raises Miss."""
        heard, first_ms = b"", 0
        for step in self._profile.ask:
            if step.send:
                answer = await self._ask(step.send, Ending(step.until))
                first_ms, heard = first_ms or answer.sent_ms, heard + answer.raw
            else:
                heard += await self._bus.listen(Ending(step.until), self._timeout_ms)
        lines = self._lines(heard)
        return [self._sample(name, lines, first_ms) for name in part.signals]

    def _lines(self, heard: bytes) -> list[TextLine]:
        """Return what can be read as lines; prompts and menus cannot. Raises Garbled if nothing can."""
        lines, why = [], None
        for raw in filter(bytes.strip, heard.splitlines()):
            try:
                lines.append(parse(raw, self._profile))
            except Garbled as garbled:
                why = garbled
        if why is not None and not lines:
            raise why
        return lines

    def _sample(self, name: str, lines: Sequence[TextLine], sent_ms: int) -> Sample:
        signal, stamp = self._profile.signals[name], self._profile.stamp
        line = next((line for line in reversed(lines) if carries(line, signal, self._profile, None)), None)
        if line is None:
            return Sample(name, sent_ms, *NO_MEASUREMENT)
        t_ms = sent_ms if stamp is None else stamped_ms(line, stamp)
        return Sample(name, t_ms, *decode(line, signal, self._profile, {}))


class LineTalker(Talker):
    """An instrument that sends lines of fields: NMEA 0183, Gill, or its own."""

    def __init__(self, device: Device, bus: ListeningBus) -> None:
        if not isinstance(device.profile, LineProfile) or isinstance(device.address, int):
            raise Unsuitable(f"{device.name}: expected a profile of lines, and letters or no address")
        super().__init__(device, bus, Ending(device.profile.end))
        self._profile: LineProfile = device.profile
        self._address: str | None = device.address
        self._heads = {s.line for signal in self._profile.signals.values() for s in signal.status if s.line is not None}
        self._newest: dict[str, TextLine] = {}

    def hear(self, raw: bytes, t_ms: int) -> list[Sample]:
        """Return the samples in a line, none if it is of another talker; raises Garbled."""
        if not raw.strip():
            return []
        line = parse(raw, self._profile)
        for head in self._heads:
            if is_headed(line, head, self._profile, self._address):
                self._newest[head] = line
        carried = [name for name in self._wanted if self._carries(line, name)]
        if carried and self._profile.stamp is not None:
            t_ms = stamped_ms(line, self._profile.stamp)
        return [Sample(name, t_ms, *self._measured(line, name)) for name in carried]

    def _carries(self, line: TextLine, name: str) -> bool:
        """Return whether a line carries a signal whose status lines have all been heard at least once."""
        signal = self._profile.signals[name]
        known = all(status.line is None or status.line in self._newest for status in signal.status)
        return known and carries(line, signal, self._profile, self._address)

    def _measured(self, line: TextLine, name: str) -> Measured:
        return decode(line, self._profile.signals[name], self._profile, self._newest)
