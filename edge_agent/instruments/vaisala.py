r"""Vaisala WXT and WMT transmitters in ASCII mode, polled or automatic.

``0R0\r\n`` is answered by ``0R0,Dm=214D,Sm=3.4M,Ta=28.4C,…\r\n``: a field's last letter is its unit, ``#`` in its
place means invalid data. With a small ``r`` command and answer carry the SDI-12 CRC. Source: WXT530 user's guide.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from typing import Final, NamedTuple

from edge_agent.instruments.sdi12 import crc_characters, without_crc
from edge_agent.instruments.text_instrument import AskedInstrument, AskingBus, ListeningBus, Talker, TextPart
from edge_agent.lines.endings import LINE, Fence, bare
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.lines.instrument import Unsuitable
from edge_agent.readings.misses import Garbled, RequestRefused
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, Sample, measured
from quantrac.config.serial import VaisalaProfile, VaisalaSignal
from quantrac.config.stations import Device
from quantrac.telemetry.states import State

MAX_LINE: Final = 512
_FIELD: Final = re.compile(r"([A-Z][a-z])=([+-]?\d+(?:\.\d+)?)([A-Za-z#])")
_ANY_FIELD: Final = re.compile(r"([A-Z][a-z])=[ -~]*")


class VaisalaField(NamedTuple):
    """One measured field; `unit` is its letter, ``#`` when the instrument says that the value is invalid."""

    value: float
    unit: str


def request(address: str, message: str = "R0") -> bytes:
    """Return the poll: ``R1`` wind, ``R2`` air, ``R3`` rain, ``R5`` supervisor, ``R0`` composite; ``r…`` with CRC."""
    if not re.fullmatch(r"[Rr]\d?", message):
        raise ValueError(f"{message!r} is no Vaisala message; expected R, R0…R5, or r0…r5 with CRC")
    text = address + message
    return (text + crc_characters(text) if message[0] == "r" else text).encode("ascii") + b"\r\n"


def parse(
    raw: bytes, address: str, message: str = "R0", wanted: Container[str] | None = None
) -> dict[str, VaisalaField]:
    """Return the fields of an answer by their two-letter name.

    Fields whose name is not `wanted` (None: all are) may hold anything, such as the text of `Id=HEL___`.

    Raises:
        Garbled: not an answer to this message of this address, a wrong CRC, or one malformed field.
        Refused: the transmitter answered with an error text (``0TX,…``).
    """
    if len(raw) > MAX_LINE or not raw.isascii():
        raise Garbled(f"not an ASCII line of at most {MAX_LINE} characters: {raw[:40]!r}")
    line = raw.decode("ascii").strip("\r\n\0 ")
    text = without_crc(line) if message[0] == "r" else line
    if text[:3].upper() == f"{address}TX":
        raise RequestRefused(f"transmitter answered {text!r}")
    head, *fields = text.split(",")
    if head != address + message or not fields:
        raise Garbled(f"expected {address}{message},…, got {line[:40]!r}")
    return dict(_field(field, line) for field in fields if not _is_foreign(field, wanted))


def _is_foreign(text: str, wanted: Container[str] | None) -> bool:
    """Return whether a field is one that nobody wants."""
    match = _ANY_FIELD.fullmatch(text)
    return wanted is not None and match is not None and match[1] not in wanted


def message_of(raw: bytes, address: str, *, checked: bool) -> str | None:
    """Return which message (`R1`, `r2`) an unasked line holds, None if it is of another address or kind."""
    letter = "r" if checked else "R"
    match = re.match(re.escape(address) + f"({letter}[0-5]?),", raw.decode("latin-1"))
    return match[1] if match else None


def _field(text: str, line: str) -> tuple[str, VaisalaField]:
    match = _FIELD.fullmatch(text)
    if not match:
        raise Garbled(f"malformed field {text!r} in {line[:80]!r}")
    return match[1], VaisalaField(float(match[2]), match[3])


class VaisalaTransmitter(AskedInstrument):
    """A Vaisala WXT or WMT in polled ASCII mode."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, VaisalaProfile) or not isinstance(device.address, str):
            raise Unsuitable(f'{device.name}: an ascii bus needs a Vaisala profile and an address such as "0"')
        self._profile: VaisalaProfile = device.profile
        self._address: str = device.address
        self._message = device.profile.poll.lower() if device.profile.crc else device.profile.poll
        self._ending = LINE._replace(head=self._address.encode("ascii"))
        self._keys = _keys(device.profile)
        self._fence = Fence(self._address.encode("ascii") + b"\r\n", bare(self._address))

    def parts(self) -> Sequence[TextPart]:
        """Return the one message that a sample reads."""
        return (TextPart(self._message, self._wanted),)

    async def read(self, part: AnyPart) -> list[Sample]:
        """Poll the message; raises Miss."""
        sent_ms, raw = await self._ask(request(self._address, self._message), self._ending, self._fence)
        fields = parse(raw, self._address, self._message, self._keys)
        return [Sample(name, sent_ms, *_measured(self._profile.signals[name], fields)) for name in part.signals]


class VaisalaTalker(Talker):
    """A Vaisala WXT or WMT in automatic mode."""

    def __init__(self, device: Device, bus: ListeningBus) -> None:
        if not isinstance(device.profile, VaisalaProfile) or not isinstance(device.address, str):
            raise Unsuitable(f'{device.name}: expected a Vaisala profile and an address such as "0"')
        super().__init__(device, bus, LINE)
        self._profile: VaisalaProfile = device.profile
        self._address: str = device.address
        self._keys = _keys(device.profile)

    def hear(self, raw: bytes, t_ms: int) -> list[Sample]:
        """Return the samples in a message, none if it is of another transmitter; raises Garbled."""
        message = message_of(raw, self._address, checked=self._profile.crc)
        if message is None:
            return []
        fields = parse(raw, self._address, message, self._keys)
        signals = self._profile.signals
        return [
            Sample(name, t_ms, *_measured(signals[name], fields))
            for name in self._wanted
            if signals[name].key in fields
        ]


def _keys(profile: VaisalaProfile) -> frozenset[str]:
    """Return the fields that a profile knows."""
    return frozenset(signal.key for signal in profile.signals.values())


def _measured(signal: VaisalaSignal, fields: dict[str, VaisalaField]) -> Measured:
    field = fields.get(signal.key)
    if field is None:
        return NO_MEASUREMENT._replace(why=f"sends no {signal.key}")
    if field.unit.upper() != signal.letter.upper():
        is_invalid = field.unit == "#"
        why = "calls it invalid (#)" if is_invalid else f"sends the unit {field.unit}, expected {signal.letter}"
        return NO_MEASUREMENT._replace(why=why)
    return measured(signal, field.value, State.OK)
