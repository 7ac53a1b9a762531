"""Modbus slaves: RTU with several on one serial line, and TCP with several units behind one address.

Our own, because a real RS-485 line is silent where nobody lives, replies late or damaged, and is slow: see the manual
facts in docs/simulators.md. Function codes 01 to 04, 06 and 16.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping
from typing import Protocol

from simulators.journal import Served
from simulators.lines import SerialLine
from simulators.mount import Mishap, Mount, garble

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, BUSY, GATEWAY_TARGET_SILENT = 1, 2, 3, 6, 11
READ_COILS, READ_DISCRETE, READ_HOLDING, READ_INPUT, WRITE_ONE, WRITE_MANY = 1, 2, 3, 4, 6, 16
MAX_REGISTERS, MAX_BITS, MAX_WRITTEN = 125, 2000, 123


class Refusal(Exception):
    """The slave answers with a Modbus exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


class Area(Protocol):
    """One address space of an instrument, by wire (zero-based) address at Unix time `t`; raises Refusal."""

    def read(self, start: int, count: int, t: float) -> tuple[list[int], list[Served]]:
        """Registers, or bits as 0 and 1, and the values that lie whole among them."""

    def write(self, start: int, words: list[int], t: float) -> None:
        """Write registers."""


class RegisterInstrument(Protocol):
    """A Modbus instrument: the areas it has, by the function code that reads them."""

    @property
    def areas(self) -> Mapping[int, Area]:
        """Coils 1, discrete inputs 2, holding registers 3, input registers 4."""


Units = Mapping[int, Mount[RegisterInstrument]]
Clock = Callable[[], float]


def crc16(data: bytes) -> bytes:
    """Modbus CRC (polynomial 0xA001, start 0xFFFF), low byte first as on the wire."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


def answer(instrument: RegisterInstrument, pdu: bytes, t: float) -> tuple[bytes, list[Served]]:
    """The reply PDU to a request PDU, and the values in it."""
    try:
        return _answer(instrument, pdu, t)
    except Refusal as refusal:
        return bytes([pdu[0] | 0x80, refusal.code]), []


def _answer(instrument: RegisterInstrument, pdu: bytes, t: float) -> tuple[bytes, list[Served]]:
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


def reply(mount: Mount[RegisterInstrument], pdu: bytes, t: float, mishap: Mishap | None) -> bytes:
    """The reply PDU made at `t`, journaled before it leaves."""
    if mishap == "busy":
        return bytes([pdu[0] | 0x80, BUSY])
    response, served = answer(mount.instrument, pdu, t)
    mount.record(t, served, mishap)
    return response


class RtuSlaves:
    """Modbus RTU slaves sharing one serial line."""

    def __init__(self, line: SerialLine, units: Units, clock: Clock) -> None:
        self._line, self._units, self._clock = line, units, clock
        self._buffer = b""
        self._silence_s = max(0.02, 4 * line.inbound.character_s)
        self._flush: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Listen, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._line.open(self._receive)

    def _receive(self, data: bytes) -> None:
        now = self._clock()
        asleep = {address for address, mount in self._units.items() if not mount.hear(now)}
        self._buffer += data
        while (length := _request_length(self._buffer)) is not None and len(self._buffer) >= length:
            frame = self._buffer[:length]
            if crc16(frame[:-2]) != frame[-2:]:
                self._buffer = self._buffer[1:]
                continue
            self._buffer = self._buffer[length:]
            if frame[0] not in asleep:
                self._request(frame[0], frame[1:-2], now)
        self._expect_silence()

    def _expect_silence(self) -> None:
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if self._buffer:
            self._flush = self._loop.call_later(self._silence_s, self._drop_partial)

    def _drop_partial(self) -> None:
        self._buffer, self._flush = b"", None

    def _request(self, address: int, pdu: bytes, now: float) -> None:
        mount = self._units.get(address)
        if mount is None or (mishap := mount.mishap(now)) == "silent":
            return
        self._loop.call_later(mount.delay_s(mishap), self._reply, address, mount, pdu, mishap)

    def _reply(self, address: int, mount: Mount[RegisterInstrument], pdu: bytes, mishap: Mishap | None) -> None:
        frame = bytes([address]) + reply(mount, pdu, self._clock(), mishap)
        frame += crc16(frame)
        self._line.send(garble(frame) if mishap == "garbled" else frame)

    def stop(self) -> None:
        """Unplug."""
        self._line.close()


def _request_length(buffer: bytes) -> int | None:
    """Length of the request at the start of the buffer, None while too little is there to tell."""
    if len(buffer) < 2:
        return None
    if buffer[1] in (15, WRITE_MANY):
        return 9 + buffer[6] if len(buffer) >= 7 else None
    return 8


class TcpSlaves:
    """Modbus TCP units behind one address; a unit that does not exist is what a gateway reports: exception 11."""

    def __init__(self, units: Units, clock: Clock, host: str = "127.0.0.1", port: int = 0) -> None:
        self._units, self._clock = units, clock
        self.host, self.port = host, port
        self._clients: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Bind and listen; afterwards `port` is the real one. Raises OSError if the port is taken."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every connection."""
        self._server.close()
        for client in list(self._clients):
            client.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while True:
                header = await reader.readexactly(7)
                transaction, protocol, length, unit = struct.unpack(">HHHB", header)
                if protocol != 0 or not 2 <= length <= 254:
                    return
                await self._request(transaction, unit, await reader.readexactly(length - 1), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _request(self, transaction: int, unit: int, pdu: bytes, writer: asyncio.StreamWriter) -> None:
        mount = self._units.get(unit)
        if mount is None:
            response = bytes([pdu[0] | 0x80, GATEWAY_TARGET_SILENT])
        else:
            mishap = mount.mishap(self._clock())
            if mishap == "silent":
                return
            await asyncio.sleep(mount.delay_s(mishap))
            response = reply(mount, pdu, self._clock(), mishap)
            if mishap == "garbled":
                response = response[: len(response) // 2]
        writer.write(struct.pack(">HHHB", transaction, 0, len(response) + 1, unit) + response)
        await writer.drain()
