"""Lines of fields: NMEA 0183, Gill ASCII, and lines or telegrams of a maker's own.

NMEA: ``$WIMWV,214,R,3.4,M,A*3E``, the XOR of the characters between ``$`` and ``*``. Gill: ``STX body ETX hh``, the XOR
of the characters strictly between STX and ETX (Bayern-Hessen counts these two, Gill does not). Sources: NMEA 0183
version 3; Gill MaxiMet 1957-PS-021 pp. 38-44; WindObserver 1360-PS-0001 p. 46.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from typing import Final, NamedTuple

from edge_agent.instruments.checksums import checked
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
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_PRINTABLE: Final = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_BREAKS: Final = re.compile(r"[\r\n]+")


class TextLine(NamedTuple):
    """One line: what it begins with, and its fields (the head is field 0)."""

    head: str
    fields: tuple[str, ...]


def parse(raw: bytes, profile: LineProfile) -> TextLine:
    """Return the line in `raw`, its check done; raises Garbled or BadCheck."""
    if len(raw) > MAX_LINE:
        raise Garbled(f"a line of more than {MAX_LINE} characters: {raw[:40]!r}")
    text = _unframed(raw, profile).decode("latin-1")
    if profile.start:
        text = _BREAKS.sub(profile.separator[0], text.strip("\r\n"))
    if not _PRINTABLE.fullmatch(text):
        raise Garbled(f"not printable: {text[:40]!r}")
    return TextLine(text, tuple(_fields(text, profile.separator)))


def _fields(text: str, separators: Sequence[str]) -> Iterator[str]:
    """Yield the fields of a line: between separators, without the blanks around them."""
    if " " in separators:
        text = " ".join(text.split())
    pattern = "|".join(re.escape(separator) for separator in sorted(separators, key=len, reverse=True))
    return (field.strip() for field in re.split(pattern, text))


def carries(line: TextLine, signal: LineSignal, profile: LineProfile, address: str | None) -> bool:
    """Return whether a line is about a signal."""
    if signal.key is not None and not signal.line and _keyed(line, signal.key, profile) is None:
        return False
    return is_headed(line, signal.line, profile, address) and all(
        _at(line, place, profile) == text for place, text in signal.where.items()
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
    text = _text_of(line, signal, profile)
    state = worst(_state(line if s.line is None else others.get(s.line), s, profile) for s in signal.status)
    number = None if text is None else _number(text, signal.suffix, profile.decimal)
    why = _contradiction(line, signal, profile)
    if number is None or why:
        why = why or ("its field is missing" if text is None else f"sends {text!r} where a number is expected")
        return Measured(None, worst((state, NO_MEASUREMENT.state)), why)
    return measured(signal, number, state)


def _contradiction(line: TextLine, signal: LineSignal, profile: LineProfile) -> str:
    """Return which field does not read as it must, empty if all do."""
    for place, expected in signal.valid.items():
        if (found := _at(line, place, profile)) != expected:
            return f"field {place} is {'missing' if found is None else repr(found)}, expected {expected!r}"
    return ""


def _text_of(line: TextLine, signal: LineSignal, profile: LineProfile) -> str | None:
    """Return the field that holds a signal, None if the line has none."""
    if signal.transducer is not None:
        return _transducer(line, signal.transducer)
    return _field(line, signal.field) if signal.key is None else _keyed(line, signal.key, profile)


def _number(text: str, suffix: str, decimal: str) -> float | None:
    """Return the number of a field that ends with `suffix`, None if there is none."""
    if not text.endswith(suffix):
        return None
    digits = text.removesuffix(suffix).rstrip()
    if decimal == ",":
        if "." in digits:
            return None
        digits = digits.replace(",", ".")
    return float(digits) if _NUMBER.fullmatch(digits) else None


def _keyed(line: TextLine, key: str, profile: LineProfile) -> str | None:
    """Return the value of the field `key=value`, None if there is none."""
    for field in line.fields:
        name, equals, value = field.partition(profile.equals)
        if equals and name.strip() == key:
            return value.strip()
    return None


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


def _at(line: TextLine, place: int | str, profile: LineProfile) -> str | None:
    return _field(line, place) if isinstance(place, int) else _keyed(line, place, profile)


def _transducer(line: TextLine, wanted: Transducer) -> str | None:
    groups = [line.fields[at : at + XDR_GROUP] for at in range(1, len(line.fields) - XDR_GROUP + 1, XDR_GROUP)]
    for kind, value, _, name in groups:
        if kind == wanted.type and wanted.id in (None, name):
            return value
    return None


def _state(line: TextLine | None, status: LineStatus, profile: LineProfile) -> State:
    """Return the state that a status means; fault if it is missing or no number."""
    texts: Sequence[str | None] = ()
    if line is not None:
        if status.field is not None:
            texts = line.fields[status.field : status.field + status.count]
        elif status.key is not None:
            texts = (_keyed(line, status.key, profile),)
    try:
        words = [int(text or "", status.base) for text in texts]
    except ValueError:
        return State.FAULT
    if len(words) != status.count:
        return State.FAULT
    word = words[0] if status.count == 1 else sum((word != 0) << bit for bit, word in enumerate(words))
    return profile.states[status.table].state_of(word)


def _unframed(raw: bytes, profile: LineProfile) -> bytes:
    """Return what stands between the marks of a line, its check done; raises Garbled or BadCheck."""
    if profile.protocol not in _FRAMES:
        telegram = _telegram(raw, profile)
        return telegram if profile.check is None else checked(telegram, profile.check, profile.start)
    pattern, name = _FRAMES[profile.protocol]
    found = pattern.fullmatch(raw)
    if not found:
        raise Garbled(f"not {name}: {raw[:40]!r}")
    check = reduce(xor, found[1], 0)
    if check != int(found[2], 16):
        raise BadCheck(f"checksum {found[2].decode()} should be {check:02X}: {raw[:60]!r}")
    return bytes(found[1])


def _telegram(raw: bytes, profile: LineProfile) -> bytes:
    """Return what stands between the start and the end of a maker's own line, with its checksum; raises Garbled."""
    body = raw if profile.check_length else raw.removesuffix(profile.end)
    if not profile.start:
        return body.strip(b"\r\n\0 *")
    _, start, telegram = body.rpartition(profile.start)
    if not start or (len(body) == len(raw) and not profile.check_length):
        raise Garbled(f"no telegram: {raw[:40]!r}")
    return telegram


def _pieces(heard: bytes, profile: LineProfile) -> Iterator[bytes]:
    """Divide what was heard into what may be lines."""
    if profile.end == b"\n":
        yield from heard.splitlines()
        return
    begin = 0
    while (at := heard.find(profile.end, begin)) >= 0:
        end = at + len(profile.end) + profile.check_length
        yield heard[begin:end]
        begin = end


def _ending(mark: bytes, profile: LineProfile) -> Ending:
    """Return how an answer or a telegram ends with a mark, and with its checksum if that stands behind it."""
    return Ending(mark, profile.check_length if mark == profile.end else 0)


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
                answer = await self._ask(step.send, _ending(step.until, self._profile))
                first_ms, heard = first_ms or answer.sent_ms, heard + answer.raw
            else:
                heard += await self._bus.listen(_ending(step.until, self._profile), self._timeout_ms)
        lines = self._lines(heard)
        return [self._sample(name, lines, first_ms) for name in part.signals]

    async def act(self, name: str, value: float | None) -> None:
        """Send what an action says, and wait for its answer if one comes; raises Miss, Unsuitable."""
        action = self._profile.actions.get(name)
        if action is None or action.refusal(value):
            raise Unsuitable(f"profile {self._profile.device} declares no action {name} without a value")
        if action.until:
            await self._ask(action.send, Ending(action.until))
        else:
            await self._bus.tell(action.send, self._turnaround_ms)

    def _lines(self, heard: bytes) -> list[TextLine]:
        """Return what can be read as lines; prompts and menus cannot. Raises Garbled if nothing can."""
        lines, why = [], None
        for raw in filter(bytes.strip, _pieces(heard, self._profile)):
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
            return Sample(name, sent_ms, *NO_MEASUREMENT._replace(why="no line of the answer carries it"))
        t_ms = sent_ms if stamp is None else stamped_ms(line, stamp)
        return Sample(name, t_ms, *decode(line, signal, self._profile, {}))


class LineTalker(Talker):
    """An instrument that sends lines of fields: NMEA 0183, Gill, or its own."""

    def __init__(self, device: Device, bus: ListeningBus) -> None:
        if not isinstance(device.profile, LineProfile) or isinstance(device.address, int):
            raise Unsuitable(f"{device.name}: expected a profile of lines, and letters or no address")
        super().__init__(device, bus, _ending(device.profile.end, device.profile))
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
