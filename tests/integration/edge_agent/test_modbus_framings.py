"""The same instrument behind every framing of Modbus. The other side is pymodbus's own server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_agent.lines.instrument import Unsuitable
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.readings.misses import RequestRefused
from quantrac.config.devices import BusKind
from quantrac.config.stations import Bus
from quantrac.private_services.ports import free_port
from tests.fixtures.instruments import device, now_ms, profile

UNIT = 17
FRAMINGS = [
    ("modbus-tcp", FramerType.SOCKET), ("modbus-rtu-tcp", FramerType.RTU), ("modbus-ascii", FramerType.ASCII)
]  # fmt: skip
SIGNALS = {
    "level": {"at": 0, "type": "float32", "range": [0, 10]},
    "temp": {"at": 2, "type": "int8"},
    "flow": {"at": 3, "type": "int16", "scaled_by": {"at": 4, "means": "exponent"}},
}


@asynccontextmanager
async def instrument_on(kind: BusKind, framer: FramerType, **more: Any) -> AsyncIterator[tuple[ModbusInstrument, Any]]:
    registers = [
        SimData(0, values=[7.25], datatype=DataType.FLOAT32),
        SimData(2, values=[0x12F6, 1234, 0xFFFE, 0, 0, 0, 0], datatype=DataType.REGISTERS),
    ]
    port = free_port()
    server = ModbusTcpServer([SimDevice(UNIT, simdata=registers)], framer=framer, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    bus = ModbusBus(Bus(name="line", kind=kind, host="127.0.0.1", tcp_port=port), now_ms)
    of = profile("modbus-rtu", SIGNALS, **more)
    await bus.open()
    try:
        yield ModbusInstrument(device(of, {name: name for name in SIGNALS}, UNIT, timeout_ms=60_000), bus), server
    finally:
        bus.close()
        await server.shutdown()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("kind", "framer"), FRAMINGS)
def test_an_instrument_is_read_through_every_framing(kind: BusKind, framer: FramerType) -> None:
    async def read() -> dict[str, float | None]:
        async with instrument_on(kind, framer) as (instrument, _):
            (part,) = instrument.parts()
            samples = [sample for _ in range(3) for sample in await instrument.read(part)]
            return {sample.signal: sample.value for sample in samples}

    assert asyncio.run(read()) == {"level": 7.25, "temp": -10, "flow": 12.34}


ACTIONS: dict[str, dict[str, Any]] = {
    "relay": {"at": 5, "value": 1},
    "span": {"at": 6, "type": "float32", "order": "CDAB", "range": [0, 500], "unit": "[ppb]"},
    "setpoint": {"at": 8, "type": "int16", "scale": 0.1, "range": [-20, 50], "multiple": True},
    "absent": {"at": 900, "value": 1},
}


@pytest.mark.parametrize(("kind", "framer"), FRAMINGS)
def test_an_action_writes_what_its_profile_says_and_nothing_else(kind: BusKind, framer: FramerType) -> None:
    """7.25 as float32 is 40E8 0000 (IEEE 754), its low word first."""
    actions = {name: {**action, "source": "a test", "verified": False} for name, action in ACTIONS.items()}

    async def written() -> list[int]:
        async with instrument_on(kind, framer, actions=actions) as (instrument, server):
            await instrument.act("relay", None)
            await instrument.act("span", 7.25)
            await instrument.act("setpoint", -12.3)
            with pytest.raises(RequestRefused, match=r"exception 2 .*write holding 900"):
                await instrument.act("absent", None)
            for name, value in (("relay", 2), ("span", None), ("span", 501), ("setpoint", 1.23), ("nothing", None)):
                with pytest.raises(Unsuitable):
                    await instrument.act(name, value)
            registers: list[int] = await server.async_getValues(UNIT, 3, 0, 9)
            return registers

    assert asyncio.run(written())[5:] == [1, 0x0000, 0x40E8, 0xFF85]
