"""Modbus TCP: transaction numbers, a gateway whose unit is dead, a server that is restarted."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.readings.misses import Garbled, LineDown, NoAnswer, RequestRefused
from quantrac.config.stations import Bus
from quantrac.private_services.ports import free_port
from tests.fixtures.instruments import now_ms

TWO = RegisterSpan(Function.INPUT, 18, 2)
QUICK = Timing(200)
PATIENT = Timing(60_000)
"""A busy machine may bring late what comes at once."""
SLOW, DEAD, BUSY, SHORT, PLAIN = 2, 3, 4, 5, 1


@dataclass
class Gateway:
    """Answers function 04 with the number of the request in its second register; each unit has its own manners."""

    port: int = field(default_factory=free_port)
    requests: int = 0

    async def start(self) -> None:
        self._connections: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def stop(self) -> None:
        self._server.close()
        for connection in self._connections:
            connection.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                number, _, length, unit = struct.unpack(">HHHB", await reader.readexactly(7))
                await reader.readexactly(length - 1)
                self.requests += 1
                pdu = self._answer(unit)
                frame = struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu
                asyncio.get_running_loop().call_later(0.3 if unit == SLOW else 0.01, writer.write, frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, unit: int) -> bytes:
        if unit in (DEAD, BUSY):
            return bytes([0x84, 0x0B if unit == DEAD else 0x06])
        count = 1 if unit == SHORT else 2
        return struct.pack(">BB", 4, 2 * count) + struct.pack(">HH", 0, self.requests)[-2 * count :]


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Gateway, ModbusBus]]:
    gateway = Gateway()
    await gateway.start()
    bus = ModbusBus(Bus(name="analysers", kind="modbus-tcp", host="127.0.0.1", tcp_port=gateway.port), now_ms)
    await bus.open()
    yield gateway, bus
    bus.close()
    await gateway.stop()


async def learnt(bus: ModbusBus, until: float) -> list[int]:
    """Read the slow unit with a timeout that is too short for it, which is longer by now."""
    while True:
        assert time.monotonic() < until
        with contextlib.suppress(NoAnswer):  # a busy machine is slower still, which is learnt, too
            return (await bus.read(SLOW, TWO, QUICK)).words


async def test_a_late_answer_is_never_taken_for_another_holds_nobody_up_and_is_waited_for_from_then_on() -> None:
    async with connected() as (gateway, bus):
        bus.begin("slow", None)
        with pytest.raises(NoAnswer):
            await bus.read(SLOW, TWO, QUICK)
        until, late = time.monotonic() + 60, set[str]()
        while not late:
            assert time.monotonic() < until
            answer = await bus.read(PLAIN, TWO, PATIENT)
            assert answer.words == [0, gateway.requests]
            late = bus.heard_late()
        assert late == {"slow"}
        assert await learnt(bus, until) == [0, gateway.requests]


async def test_each_kind_of_answer_is_told_apart() -> None:
    async with connected() as (_, bus):
        with pytest.raises(NoAnswer, match="gateway got no answer"):
            await bus.read(DEAD, TWO, PATIENT)
        with pytest.raises(RequestRefused) as refused:
            await bus.read(BUSY, TWO, PATIENT)
        assert refused.value.code == 6
        with pytest.raises(Garbled, match="no valid frame"):
            await bus.read(SHORT, TWO, PATIENT)


async def read_in_vain(bus: ModbusBus) -> None:
    """Read until the connection is seen to be gone, which raises LineDown."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(NoAnswer):
            await bus.read(PLAIN, TWO, QUICK)
        await asyncio.sleep(0.05)


async def test_a_server_that_is_restarted_is_read_again_on_the_next_open() -> None:
    async with connected() as (gateway, bus):
        await bus.read(PLAIN, TWO, PATIENT)
        await gateway.stop()
        with pytest.raises(LineDown):
            await read_in_vain(bus)
        with pytest.raises(LineDown, match=str(gateway.port)):
            await bus.open()
        await gateway.start()
        await bus.open()
        assert (await bus.read(PLAIN, TWO, PATIENT)).words == [0, gateway.requests]
