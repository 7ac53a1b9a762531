"""Bayern-Hessen protocol (Gesytec II): analysers and dust monitors that answer ``DA`` with ``MD…``.

Frame: ``STX text ETX BCC BCC``; the block check is the XOR of every byte from STX to ETX, both inclusive, as two
upper-case hexadecimal characters. A request ended by CR instead carries no check and is answered in the same style
(Thermo, Met One). Sources: Thermo 42i appendix C, Acoem Serinus manuals, GRIMM EDM 180 manual pp. 48-60.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import xor
from typing import Final, NamedTuple

from edge_agent.instruments.text_instrument import AskedInstrument, AskingBus, TextPart
from edge_agent.lines.endings import Ending
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.lines.instrument import Unsuitable
from edge_agent.readings.misses import BadCheck, Garbled
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, Sample, measured
from quantrac.config.serial import BayernHessenProfile, BayernHessenSignal
from quantrac.config.stations import Device
from quantrac.telemetry.states import worst

STX: Final = b"\x02"
ETX: Final = b"\x03"
CR: Final = b"\r"

_VALUE: Final = re.compile(r"([+-])(\d)(\d{3})([+-]\d{2})")
_ADDRESS: Final = re.compile(r"\d{3}")
_BYTE: Final = re.compile(r"[0-9A-Fa-f]{2}")


class Measurement(NamedTuple):
    """One block of an MD reply. What the status and error bits mean differs from maker to maker."""

    address: int | None
    """None: the instrument leaves it out when the request has none (Serinus)."""
    value: float
    status: int
    error: int


def block_check(frame: bytes) -> bytes:
    """Return the two check characters of a frame from STX to ETX inclusive."""
    return b"%02X" % reduce(xor, frame, 0)


def request(address: int | None, *, checked: bool = True) -> bytes:
    """Return the frame that asks for all values: ``DA`` or ``DA`` with a three-digit instrument address."""
    text = b"DA" if address is None else b"DA%03d" % address
    if not checked:
        return STX + text + CR
    return STX + text + ETX + block_check(STX + text + ETX)


def control(address: int, letter: str, *, checked: bool = True) -> bytes:
    """Return the frame of a control command, which is not answered: ``N`` zero gas, ``K`` span gas, ``M`` measure."""
    text = STX + b"ST%03d %b" % (address, letter.encode("ascii"))
    return text + ETX + block_check(text + ETX) if checked else text + CR


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

    Blocks are recognised by an address followed by a value, because makers fill the fields behind the status bytes
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
    return Measurement(address, parse_value(tokens[0]), int(tokens[1], 16), int(tokens[2], 16))


class BayernHessenAnalyser(AskedInstrument):
    """An analyser or dust monitor that answers DA with MD."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, BayernHessenProfile) or isinstance(device.address, str):
            raise Unsuitable(f"{device.name}: a bayern-hessen bus needs such a profile, and a number or no address")
        self._profile: BayernHessenProfile = device.profile
        self._address: int | None = device.address
        self._request = request(device.address, checked=device.profile.checksum)
        mark, more = (ETX, 2) if device.profile.checksum else (CR, 0)
        self._ending = Ending(mark, more, STX + b"MD")

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked, ms: a late answer looks like the next one."""
        return self._bus.owed_ms(self._request)

    def parts(self) -> Sequence[TextPart]:
        """Return the one message that a sample reads."""
        return (TextPart("DA", self._wanted),)

    async def read(self, part: AnyPart) -> list[Sample]:
        """Ask for all values; raises Miss."""
        sent_ms, raw = await self._ask(self._request, self._ending)
        blocks = parse_measurements(unframe(raw))
        return [Sample(name, sent_ms, *self._measured(name, blocks)) for name in part.signals]

    async def act(self, name: str, value: float | None) -> None:
        """Send a control command; raises LineDown, Unsuitable. Nothing answers: the next status shows the outcome."""
        action = self._profile.actions.get(name)
        if action is None or action.refusal(value) or self._address is None:
            raise Unsuitable(f"{name} needs an action of the profile, no value, and an address of the instrument")
        frame = control(self._address, action.control, checked=self._profile.checksum)
        await self._bus.tell(frame, self._turnaround_ms)

    def _measured(self, name: str, blocks: Sequence[Measurement]) -> Measured:
        signal = self._profile.signals[name]
        block = _block_of(signal, blocks)
        if block is None:
            return NO_MEASUREMENT._replace(why=f"its block is not among the {len(blocks)} of the answer")
        tables = ((self._profile.status, block.status), (self._profile.error, block.error))
        state = worst(self._profile.states[table].state_of(byte) for table, byte in tables if table is not None)
        return measured(signal, block.value, state)


def _block_of(signal: BayernHessenSignal, blocks: Sequence[Measurement]) -> Measurement | None:
    if signal.block is not None:
        return blocks[signal.block - 1] if signal.block <= len(blocks) else None
    return next((block for block in blocks if block.address == signal.id), None)
