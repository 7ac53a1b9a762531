"""Modbus devices that nobody here wrote: pymodbus's own server, and plain sockets with manners of their own."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_agent.acquiring.bus_reader import BusReader
from edge_agent.acquiring.sweep import Sweep
from edge_agent.instruments.drivers import Mounted
from edge_agent.lines.endings import Ending
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.instrument import ModbusInstrument
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import Garbled, LineDown, NoAnswer
from quantrac.config.stations import Bus, Device
from quantrac.private_services.ports import free_port
from tests.fixtures.instruments import device, mounting, now_ms, profile, wall_clock

PATIENCE_MS = 60_000
"""A busy machine may bring late what comes at once."""
TRIES = 5
Manner = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def bus_to(port: int) -> Bus:
    return Bus(name="line", kind="modbus-tcp", host="127.0.0.1", tcp_port=port)


@asynccontextmanager
async def served(manner: Manner) -> AsyncIterator[int]:
    """A device on a plain socket; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await manner(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def device_that(manner: Manner) -> AsyncIterator[ModbusBus]:
    """A device on a plain socket, and a bus to it."""
    async with served(manner) as port:
        bus = ModbusBus(bus_to(port), now_ms)
        yield bus
        bus.close()


@asynccontextmanager
async def pymodbus_server(there: list[SimData]) -> AsyncIterator[ModbusBus]:
    """Unit 3 with these registers on pymodbus's own server, and a bus to it."""
    server = ModbusTcpServer(SimDevice(3, simdata=there), address=("127.0.0.1", port := free_port()))
    serving = asyncio.create_task(server.serve_forever(background=True))
    await serving
    yield ModbusBus(bus_to(port), now_ms)
    await server.shutdown()  # type: ignore[no-untyped-call]


async def request(reader: asyncio.StreamReader) -> tuple[bytes, int, int]:
    """Return number, first register and count of the next request."""
    header = await reader.readexactly(7)
    _, at, count = struct.unpack(">BHH", await reader.readexactly(5))
    return header[:2], at, count


def proper(number: bytes, at: int, count: int, unit: int = 3) -> bytes:
    """Return the answer: each register holds a hundred more than its address."""
    data = struct.pack(f">{count}H", *range(100 + at, 100 + at + count))
    return number + struct.pack(">HHBBB", 0, 3 + len(data), unit, 3, len(data)) + data


async def read_all(bus: ModbusBus, apart: int = 1) -> tuple[Sweep, MissCounts]:
    """Read 22 registers so far apart, without those between, until each has brought something, or one has missed."""
    names = [f"s{apart * number}" for number in range(22)]
    of = profile("modbus-tcp", {name: {"at": int(name[1:]), "type": "uint16"} for name in names}, max_gap=0)
    return await read_devices(bus, unit(of, names))


def unit(of: Any, names: Iterable[str], name: str = "d") -> Device:
    """Return unit 3 as a device of this profile."""
    return device(
        of, {each: each for each in names}, 3, bus_to(1), name, sample_ms=500, report_ms=500, timeout_ms=PATIENCE_MS
    )


async def read_devices(bus: ModbusBus, *devices: Device) -> tuple[Sweep, MissCounts]:
    """Read until each channel has brought something, or one has missed."""
    mounted = [mounting(each, ModbusInstrument(each, bus)) for each in devices]
    misses, stop = MissCounts(), asyncio.Event()

    def beat() -> None:
        if all(len(each.channels.last) == len(each.device.channels) for each in mounted) or misses.total:
            stop.set()

    reader = BusReader("line", bus, mounted, wall_clock(), misses, beat)
    async with asyncio.timeout(PATIENCE_MS / 1000):
        await reader.run(stop)
    return Sweep(Mounted("line", bus, []), mounted, reader, stop), misses


def shown(sweep: Sweep) -> dict[str, float | None]:
    return {row["channel"]: row["value"] for row in sweep.rows()}


async def test_beside_one_absent_register_of_pymodbus_s_server_all_others_are_read_and_the_refusal_is_named() -> None:
    there = [SimData(at, values=100 + at, datatype=DataType.REGISTERS) for at in range(22) if at != 7]
    async with pymodbus_server(there) as bus:
        sweep, misses = await read_all(bus)
    assert shown(sweep) == {f"s{at}": None if at == 7 else 100 + at for at in range(22)}
    (why,) = (row["why"] for row in sweep.rows() if row["channel"] == "s7")
    assert why == "unit 3: exception 2 (no such register) to holding 7+1"
    assert misses.by_device()["d"].keys() == {"refused"}
    assert misses.reasons()["d"]["why"] == why


async def test_a_unit_with_two_profiles_is_read_right_by_both_and_what_one_is_refused_costs_the_other_nothing() -> None:
    words = [0x0102, 0xFFF6, 0x3E20, 0x42C8, 700]  # the last is the sensor's own, behind a register that is absent
    there = [
        SimData(at, values=word, datatype=DataType.REGISTERS) for at, word in zip((0, 1, 2, 3, 5), words, strict=True)
    ]
    controller = {"state": {"at": 0, "type": "uint16"}, "level": {"at": 1, "type": "int16", "scale": 0.1}}
    sensor = {
        "level_raw": {"at": 2, "type": "uint16"},  # another manual counts from 1
        "depth": {"at": 3, "type": "float32", "order": "CDAB"},
        "absent": {"at": 5, "type": "uint16"},
        "pressure": {"at": 6, "type": "uint16"},
    }
    devices = [
        unit(profile("modbus-tcp", controller), controller, "controller"),
        unit(profile("modbus-tcp", sensor, address_base=1), sensor, "sensor"),
    ]
    async with pymodbus_server(there) as bus:
        sweep, misses = await read_devices(bus, *devices)
    read = {"state": 0x0102, "level": -1, "level_raw": 0xFFF6, "depth": struct.unpack(">f", b"\x42\xc8\x3e\x20")[0]}
    assert shown(sweep) == {**read, "absent": None, "pressure": 700}
    assert misses.by_device() == {"sensor": {"refused": misses.by_device()["sensor"]["refused"]}}


@pytest.mark.parametrize("pause_s", [0.0, 0.02])
async def test_a_device_that_closes_its_connection_after_each_answer_is_read_whole(pause_s: float) -> None:
    """At once, or while the next request is on its way."""

    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, at, count = await request(reader)
        writer.write(proper(number, at, count))
        await writer.drain()
        await asyncio.sleep(pause_s)

    async with device_that(closes) as bus:
        await bus.open()
        sweep, misses = await read_all(bus, apart=2)
    assert shown(sweep) == {f"s{at}": 100 + at for at in range(0, 44, 2)}
    assert misses.by_device() == {}


@pytest.mark.parametrize("pause_s", [0.0, 0.02])
async def test_so_is_an_instrument_of_text_that_does_the_same(pause_s: float) -> None:
    async def closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"T " + await reader.readuntil(b"\r"))
        await writer.drain()
        await asyncio.sleep(pause_s)

    async with served(closes) as port:
        bus = SerialBus(Bus(name="line", kind="ascii", host="127.0.0.1", tcp_port=port), now_ms)
        await bus.open()
        answers = [await bus.ask(b"%d\r" % number, Ending(b"\r"), PATIENCE_MS) for number in range(10)]
        bus.close()
    assert [answer.raw for answer in answers] == [b"T %d\r" % number for number in range(10)]


async def test_each_channel_of_a_line_that_is_away_says_so_and_why() -> None:
    port = free_port()
    sweep, misses = await read_all(ModbusBus(bus_to(port), now_ms))
    assert {row["state"] for row in sweep.rows()} == {"comm"}
    assert {row["why"] for row in sweep.rows()} == {"the line line is away"}
    assert sweep.reader.away is not None
    assert sweep.reader.away.why.startswith(f"127.0.0.1:{port}: cannot be opened; is it switched on")
    assert sweep.reader.away.why == misses.reasons()["line"]["why"]


async def test_one_that_takes_requests_and_closes_without_a_word_is_a_line_that_is_away() -> None:
    async def mute(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await request(reader)

    async with device_that(mute) as bus:
        await bus.open()
        with pytest.raises(LineDown, match="closed the connection"):
            await bus.read(3, RegisterSpan(Function.HOLDING, 0, 1), Timing(PATIENCE_MS))


MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "no body": lambda n: n + bytes.fromhex("0000 0002 03 03"),
    "a count and no data": lambda n: n + bytes.fromhex("0000 0003 03 03 02"),
    "a count beyond its end": lambda n: n + bytes.fromhex("0000 0005 03 03 ff 0064"),
    "an odd count": lambda n: n + bytes.fromhex("0000 0004 03 03 01 64"),
    "a length of nothing": lambda n: n + bytes.fromhex("0000 0000 03 03 02 0064"),
    "a length beyond all bounds": lambda n: n + bytes.fromhex("0000 ffff 03 03 02 0064"),
    "another protocol": lambda n: n + bytes.fromhex("0007 0005 03 03 02 0064"),
    "an exception without a code": lambda n: n + bytes.fromhex("0000 0002 03 83"),
    "another function": lambda n: n + bytes.fromhex("0000 0005 03 04 02 0064"),
    "a function that does not exist": lambda n: n + bytes.fromhex("0000 0003 03 63 02"),
    "a longer answer": lambda n: n + bytes.fromhex("0000 0007 03 03 04 0064 0065"),
    "half of it": lambda n: n + bytes.fromhex("0000 0005 03"),
    "words": lambda _: b"HTTP/1.0 400 Bad Request\r\n\r\n",
    "a flood": lambda _: bytes(range(256)) * 8,
}


async def test_a_malformed_answer_is_a_counted_miss_and_never_a_traceback_and_the_next_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def mad(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            number, at, count = await request(reader)
            writer.write(proper(number, at, count) if at else MALFORMED[name](number))

    async def what_it_makes_of_it(bus: ModbusBus) -> str:
        for _ in range(TRIES):
            await bus.open()
            try:
                answer = await bus.read(3, RegisterSpan(Function.HOLDING, 0, 1), Timing(400))
            except Garbled as garbled:
                return str(garbled)
            except NoAnswer:  # a busy machine brought it too late
                continue
            return str(answer)
        return "no answer"

    with caplog.at_level(logging.WARNING):
        async with device_that(mad) as bus:
            for name in MALFORMED:
                assert (await what_it_makes_of_it(bus)).startswith("unit 3: "), name
                await bus.open()
                answer = await bus.read(3, RegisterSpan(Function.HOLDING, 5, 1), Timing(PATIENCE_MS))
                assert answer.words == [105], name
    assert caplog.records == []


async def test_two_late_answers_in_front_of_its_own_do_not_hide_it() -> None:
    """Longest answers, which the library would throw away together: it keeps 264 bytes."""

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = [await request(reader) for _ in range(3)]
        writer.write(b"".join(proper(*one) for one in kept))
        await reader.read()

    async with device_that(late) as bus:
        await bus.open()
        for at in (0, 200):
            with pytest.raises(NoAnswer):
                await bus.read(3, RegisterSpan(Function.HOLDING, at, 125), Timing(100))
        answer = await bus.read(3, RegisterSpan(Function.HOLDING, 400, 125), Timing(PATIENCE_MS))
        assert answer.words == [*range(500, 625)]
