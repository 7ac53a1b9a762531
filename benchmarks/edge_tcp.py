"""Register values a second by Modbus TCP through one agent, and the cost of a value beside bare pymodbus.

Two addresses with fifty units each, sixty values (120 registers) a unit: read each second by the agent's own reader,
decoded, put into slots, closed and handed over. The baseline asks the same units for the same registers at the same
rate with pymodbus alone, which decodes them with its own converter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Final

from pymodbus.client import AsyncModbusTcpClient

from benchmarks.edge_field import Field, simulated
from benchmarks.edge_line import Line, now_ms, read_line
from benchmarks.edge_wrong_values import device, profile
from edge_agent.modbus.bus import ModbusBus
from edge_agent.modbus.instrument import ModbusInstrument
from quantrac.config.stations import Bus

STATION: Final = "st-bench-tcp"
BUSES: Final = ("tcp-1", "tcp-2")
UNITS: Final = 50
PAIRS: Final = 60
PERIOD_MS: Final = 1_000
OFFERED: Final = len(BUSES) * UNITS * PAIRS
"""Values a second."""
SETTLING: Final = 2
"""Slots at the beginning that do not count."""


def run(seconds: float) -> Iterator[str]:
    """Measure the agent's reader, then bare pymodbus."""
    with simulated([STATION]) as field:
        used, began = time.process_time(), time.perf_counter()
        lines = asyncio.run(_read(field, seconds))
        core = (time.process_time() - used) / (time.perf_counter() - began)
        used, began = time.process_time(), time.perf_counter()
        asyncio.run(_bare(field, seconds))
        bare = (time.process_time() - used) / (time.perf_counter() - began)
    readings = [
        r for line in lines for slots in line.records.values() for slot in slots[SETTLING:] for r in slot.readings
    ]
    valid = sum(reading.state.is_valid for reading in readings)
    spans = [(slots[-1].t_ms - slots[SETTLING].t_ms) / 1000 + 1 for line in lines for slots in line.records.values()]
    values = valid / (sum(spans) / len(spans))
    yield (
        f"Modbus TCP                  {values:,.0f} values/s of {OFFERED:,} offered"
        f" ({100 * valid / len(readings):.1f} % of the readings), {100 * core:.1f} % of a core:"
        f" {1e6 * core / values:.1f} us a value, bare pymodbus {1e6 * bare / OFFERED:.1f} us"
    )


async def _read(field: Field, seconds: float) -> Sequence[Line]:
    async def one(key: str) -> Line:
        place = field.place(f"{STATION}/{key}")
        bus = Bus(name=key, kind="modbus-tcp", host=place["host"], tcp_port=place["port"])
        modbus, found = ModbusBus(bus, now_ms), profile(1_000, range(PAIRS))
        devices = [device(f"{key}-{unit}", unit, bus, PERIOD_MS, found) for unit in range(1, UNITS + 1)]
        return await read_line(modbus, [(one, ModbusInstrument(one, modbus)) for one in devices], seconds)

    return await asyncio.gather(*map(one, BUSES))


async def _bare(field: Field, seconds: float) -> None:
    async def one(key: str) -> None:
        place = field.place(f"{STATION}/{key}")
        client = AsyncModbusTcpClient(place["host"], port=place["port"], retries=0)
        await client.connect()
        until = time.monotonic() + seconds
        due = time.monotonic()
        while due < until:
            for unit in range(1, UNITS + 1):
                reply = await client.read_holding_registers(0, count=2 * PAIRS, device_id=unit)
                client.convert_from_registers(reply.registers, client.DATATYPE.UINT32)
            due += PERIOD_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        client.close()

    await asyncio.gather(*map(one, BUSES))
