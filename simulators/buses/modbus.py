"""Modbus RTU slaves on one serial line, and the exceptions and functions that TCP units share with them.

Our own, because a real RS-485 line is silent where nobody lives, replies late or damaged, and is slow: the manual
facts stand in docs/simulators.md. Function codes 01 to 04, 06 and 16.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from simulators.buses.checksums import modbus_crc
from simulators.buses.journal import Exchange, ServedValue
from simulators.buses.line_server import LineServer
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment
from simulators.lines.serial_line import SerialLine

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, GATEWAY_TARGET_SILENT = 1, 2, 3, 11
READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 1, 2, 3, 4, 6, 16
MAX_REGISTERS, MAX_BITS, MAX_WRITTEN = 125, 2000, 123


class Refusal(Exception):
    """The slave answers with a Modbus exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Area(Protocol):
    """One address space of an instrument, by wire (zero-based) address at Unix time `t`; raises Refusal."""

    def read(self, start: int, count: int, t: float) -> tuple[list[int], list[ServedValue]]:
        """Registers, or bits as 0 and 1, and the values that lie whole among them."""

    def write(self, start: int, words: list[int], t: float) -> None:
        """Write registers."""

    def has_holes(self, start: int, count: int) -> bool:
        """Whether an address without content lies among these."""


class RegisterInstrument(Protocol):
    """A Modbus instrument: the areas it has, by the function code that reads them."""

    @property
    def areas(self) -> Mapping[int, Area]:
        """Coils 1, discrete inputs 2, holding registers 3, input registers 4."""


Units = Mapping[int, Mount[RegisterInstrument]]
Clock = Callable[[], float]


def answer(instrument: RegisterInstrument, pdu: bytes, t: float) -> tuple[bytes, list[ServedValue]]:
    """The reply PDU to a request PDU, and the values in it."""
    try:
        return _answer(instrument, pdu, t)
    except Refusal as refusal:
        return bytes([pdu[0] | 0x80, refusal.code]), []


def _answer(instrument: RegisterInstrument, pdu: bytes, t: float) -> tuple[bytes, list[ServedValue]]:
    function = pdu[0]
    if len(pdu) < 5:
        raise Refusal(ILLEGAL_VALUE)
    start, count = struct.unpack_from(">HH", pdu, 1)
    area = instrument.areas.get(READ_HOLDING if function in (WRITE_ONE, WRITE_MANY) else function)
    if area is None:
        raise Refusal(ILLEGAL_FUNCTION)
    if function == WRITE_ONE:
        area.write(start, [count], t)
        return pdu[:5], []
    if function == WRITE_MANY:
        if not 1 <= count <= MAX_WRITTEN or len(pdu) != 6 + 2 * count or pdu[5] != 2 * count:
            raise Refusal(ILLEGAL_VALUE)
        area.write(start, list(struct.unpack_from(f">{count}H", pdu, 6)), t)
        return pdu[:5], []
    if function in (READ_COILS, READ_DISCRETE):
        _check_count(count, MAX_BITS)
        bits, served = area.read(start, count, t)
        packed = sum(1 << i for i, bit in enumerate(bits) if bit).to_bytes((count + 7) // 8, "little")
        return bytes([function, len(packed)]) + packed, served
    _check_count(count, MAX_REGISTERS)
    words, served = area.read(start, count, t)
    return bytes([function, 2 * count]) + struct.pack(f">{count}H", *words), served


def _check_count(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise Refusal(ILLEGAL_VALUE)


def reply(mount: Mount[RegisterInstrument], pdu: bytes, t: float, treatment: Treatment) -> tuple[bytes, bytes]:
    """The reply PDU made at `t`, journaled before it leaves; and as faults of the slave itself change it."""
    if treatment.exception is not None:
        refused = bytes([pdu[0] | 0x80, treatment.exception])
        return refused, refused
    if treatment.hit_by("holes") and _reads_across(mount.instrument, pdu):
        refused = bytes([pdu[0] | 0x80, ILLEGAL_ADDRESS])
        return refused, refused
    made, served = answer(mount.instrument, pdu, mount.seen(t))
    mount.record(t, served, treatment)
    return made, _changed(made, treatment)


def _reads_across(instrument: RegisterInstrument, pdu: bytes) -> bool:
    area = instrument.areas.get(pdu[0])
    if area is None or len(pdu) != 5:
        return False
    start, count = struct.unpack_from(">HH", pdu, 1)
    return area.has_holes(start, count)


def _changed(made: bytes, treatment: Treatment) -> bytes:
    """A reply of registers with one too few, or with the words of each pair exchanged."""
    if made[0] not in (READ_HOLDING, READ_INPUT):
        return made
    words = [made[at : at + 2] for at in range(2, len(made), 2)]
    if treatment.hit_by("swapped"):
        words = [word for at in range(0, len(words), 2) for word in reversed(words[at : at + 2])]
    if treatment.hit_by("length"):
        words = words[:-1]
    return bytes([made[0], 2 * len(words)]) + b"".join(words)


def foreign(unit: int) -> int:
    """The unit number that a reply carries which seems to come from another."""
    return unit % 247 + 1


class RtuSlaves(LineServer):
    """Modbus RTU slaves sharing one serial line."""

    def __init__(self, line: SerialLine, units: Units, clock: Clock) -> None:
        super().__init__(line, clock)
        self._units = units
        self._buffer = b""
        self._silence_s = max(0.02, 4 * line.inbound.character_s)
        self._flush: asyncio.TimerHandle | None = None

    def _receive(self, data: bytes) -> None:
        now = self._clock()
        asleep = {mount.address for mount in self._units.values() if not mount.hear(now)}
        self._buffer += data
        while (length := _request_length(self._buffer)) is not None and len(self._buffer) >= length:
            frame = self._buffer[:length]
            if modbus_crc(frame[:-2]) != frame[-2:]:
                self._buffer = self._buffer[1:]
                continue
            self._buffer = self._buffer[length:]
            mount = unit_at(self._units, frame[0], now)
            if mount is not None and mount.address not in asleep:
                self._request(mount, frame, now)
        self._expect_silence()

    def _expect_silence(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._buffer:
            self._flush = self._loop.call_later(self._silence_s, self._drop_partial)

    def _drop_partial(self) -> None:
        self._buffer, self._flush = b"", None

    def _request(self, mount: Mount[RegisterInstrument], request: bytes, now: float) -> None:
        treatment = mount.asked(now)
        if treatment.mute:
            mount.keep_silent(now, request, treatment)
        else:
            made_at = mount.made_at(self._loop.time(), treatment.wait_s)
            self._loop.call_at(made_at, self._reply, mount, request, treatment)

    def _reply(self, mount: Mount[RegisterInstrument], request: bytes, treatment: Treatment) -> None:
        t = self._clock()
        made, changed = reply(mount, request[1:-2], t, treatment)
        if treatment.hit_by("hangup"):
            self._line.hang_up()
            return
        unit = foreign(request[0]) if treatment.hit_by("foreign") else request[0]
        wire = treatment.damaged(_with_crc(unit, changed))
        mount.send(self._line.send, treatment, Exchange(t, request, _with_crc(request[0], made), wire))


def _with_crc(unit: int, pdu: bytes) -> bytes:
    frame = bytes([unit]) + pdu
    return frame + modbus_crc(frame)


def unit_at(units: Units, address: int, t: float) -> Mount[RegisterInstrument] | None:
    """Return the instrument that answers at a unit number at Unix time `t`, None where nobody does."""
    return next((mount for mount in units.values() if mount.unit(t) == str(address)), None)


def _request_length(buffer: bytes) -> int | None:
    """Length of the request at the start of the buffer, None while too little is there to tell."""
    if len(buffer) < 2:
        return None
    if buffer[1] in (15, WRITE_MANY):
        return 9 + buffer[6] if len(buffer) >= 7 else None
    return 8
