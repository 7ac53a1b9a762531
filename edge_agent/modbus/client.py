"""The pymodbus client of our bus moves bytes and times transactions; here a reply is checked against its request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.pdu import ModbusPDU

from edge_agent.lines.serial_line import port_settings, set_direction
from edge_agent.modbus.frames import WRITE_COIL, WRITE_REGISTER, AnyRequest, Request, WriteRequest
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.readings.misses import Garbled, LineDown, NoAnswer, RequestRefused
from quantrac.config.stations import Bus, Rs485

CONNECT_S: Final = 3.0
EXCEPTIONS: Final = {
    1: "no such function", 2: "no such register", 3: "not so many registers", 4: "the device failed",
    5: "it needs longer", 6: "it is busy", 8: "its memory is damaged",
}  # fmt: skip
"""What exception codes say (MODBUS application protocol V1.1b3, 7)."""
GATEWAY_CODES: Final = (0x0A, 0x0B)
"""Exceptions of a gateway that has no path to the unit, or got no answer from it."""
NEVER: Final = 1_000_000_000
"""Unanswered requests after which the library would close the connection by itself."""

FRAMERS: Final = {"modbus-tcp": FramerType.SOCKET, "modbus-ascii": FramerType.ASCII}
"""By kind of bus; the others carry RTU frames."""
LONGEST_HEARD: Final = 4_096
"""Bytes since a request that are kept: the library would throw all of them away behind 264, such as an answer behind a
late one."""

Client = AsyncModbusSerialClient | AsyncModbusTcpClient
Traffic = Callable[[bool, bytes], bytes]
"""Takes what is sent (True) or has come, and returns what of it the library may see."""

logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)
"""At each miss it would log its last twenty frames. Its own logger: who configures logging sets its parent's level."""


def make_client(bus: Bus, traffic: Traffic, connection: Callable[[bool], None]) -> Client:
    """Return a client that neither retries nor reconnects, not connected yet.

    `connection` is told of a connection that is made (True) or that the other side has ended.
    """
    common: dict[str, Any] = {
        "timeout": CONNECT_S, "retries": 0, "reconnect_delay": 0, "trace_packet": traffic, "trace_connect": connection,
    }  # fmt: skip
    framer = FRAMERS.get(bus.kind, FramerType.RTU)
    client: Client
    if bus.port is None:
        client = AsyncModbusTcpClient(bus.host or "", port=bus.tcp_port or 502, framer=framer, **common)
    else:
        settings = port_settings(bus.port, bus.line)
        client = AsyncModbusSerialClient(
            bus.port,
            framer=framer,
            baudrate=settings.baud,
            bytesize=settings.bits,
            parity=settings.parity,
            stopbits=settings.stop,
            handle_local_echo=bus.echo,
            **common,
        )
    client.set_max_no_responses(NEVER)
    client.ctx.max_buffer_size = LONGEST_HEARD
    return client


def switch_direction(client: Client, place: str, options: Rs485) -> None:
    """Have the driver of a serial port switch the direction of its transceiver; raises LineDown."""
    port = getattr(client.ctx.transport, "sync_serial", None)
    if port is None:
        raise LineDown(f"{place}: not open")
    set_direction(port.fileno(), place, options)


async def ask(client: Client, request: AnyRequest) -> ModbusPDU:
    """Send a request and return its reply or exception reply; raises ModbusException."""
    if isinstance(request, WriteRequest):
        if request.code == WRITE_COIL:
            return await client.write_coil(request.at, bool(request.words[0]), device_id=request.unit)
        if request.code == WRITE_REGISTER:
            return await client.write_register(request.at, request.words[0], device_id=request.unit)
        return await client.write_registers(request.at, list(request.words), device_id=request.unit)
    unit, span = request
    read = {
        Function.COIL: client.read_coils,
        Function.DISCRETE: client.read_discrete_inputs,
        Function.HOLDING: client.read_holding_registers,
        Function.INPUT: client.read_input_registers,
    }[span.function]
    return await read(span.at, count=span.count, device_id=unit)


def give_up(future: asyncio.Future[ModbusPDU]) -> None:
    """End a transaction whose answer has come and is of no use."""
    if not future.done():
        future.set_exception(ModbusIOException("the frame ended without a valid check"))


def check_read(reply: ModbusPDU, request: Request) -> None:
    """Refuse a reply that is an exception, or not what was asked for."""
    unit, span = request
    _check_granted(reply, unit, f"{span.function.name.lower()} {span.at}+{span.count}")
    if reply.function_code != span.function.value or len(words_of(reply, span)) != span.count:
        raise Garbled(f"unit {unit}: a reply of another length or function than asked")


def check_written(reply: ModbusPDU, request: WriteRequest) -> None:
    """Refuse a reply that is an exception, or none to a write."""
    what = f"write {'coil' if request.code == WRITE_COIL else 'holding'} {request.at}"
    _check_granted(reply, request.unit, what)
    if reply.function_code != request.code:
        raise Garbled(f"unit {request.unit}: a reply of another function than asked")


def _check_granted(reply: ModbusPDU, unit: int, what: str) -> None:
    """Refuse an exception reply."""
    if reply.isError():
        code = reply.exception_code
        if code in GATEWAY_CODES:
            raise NoAnswer(f"unit {unit}: the gateway got no answer (exception {code})")
        words = f" ({EXCEPTIONS[code]})" if code in EXCEPTIONS else ""
        raise RequestRefused(f"unit {unit}: exception {code}{words} to {what}", code)


def words_of(reply: ModbusPDU, span: RegisterSpan) -> list[int]:
    """Return registers, or bits as 0 and 1."""
    if span.function.is_bits:
        return [int(bit) for bit in reply.bits[: span.count]]
    return list(reply.registers)
