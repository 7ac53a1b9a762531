"""Whether a reply is what was asked for. Pure."""

from __future__ import annotations

from typing import Final

from pymodbus.pdu import ModbusPDU

from edge_agent.modbus.frames import Request, WriteRequest
from edge_agent.modbus.request_plan import RegisterSpan
from edge_agent.readings.misses import Garbled, NoAnswer, RequestRefused

GATEWAY_CODES: Final = (0x0A, 0x0B)
"""Exceptions of a gateway that has no path to the unit, or got no answer from it."""


def check_read(reply: ModbusPDU, request: Request) -> None:
    """Refuse a reply that is an exception, or not what was asked for."""
    unit, span = request
    _check_granted(reply, unit, f"{span.function.name.lower()} {span.at}+{span.count}")
    if reply.function_code != span.function.value or len(words_of(reply, span)) != span.count:
        raise Garbled(f"unit {unit}: a reply of another length or function than asked")


def check_written(reply: ModbusPDU, request: WriteRequest) -> None:
    """Refuse a reply that is an exception, or none to a write."""
    what = f"write {'coil' if request.is_coil else 'holding'} {request.at}"
    _check_granted(reply, request.unit, what)
    if reply.function_code != request.code:
        raise Garbled(f"unit {request.unit}: a reply of another function than asked")


def _check_granted(reply: ModbusPDU, unit: int, what: str) -> None:
    """Refuse an exception reply."""
    if reply.isError():
        code = reply.exception_code
        if code in GATEWAY_CODES:
            raise NoAnswer(f"unit {unit}: the gateway got no answer (exception {code})")
        raise RequestRefused(f"unit {unit}: exception {code} to {what}", code)


def words_of(reply: ModbusPDU, span: RegisterSpan) -> list[int]:
    """Return registers, or bits as 0 and 1."""
    if span.function.is_bits:
        return [int(bit) for bit in reply.bits[: span.count]]
    return list(reply.registers)
