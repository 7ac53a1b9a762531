"""Every golden exchange of every device profile says through our decoder what its `gives` says.

The frames come from manuals or were computed apart from this decoder; the profile says which.
"""

from __future__ import annotations

import asyncio
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from edge_agent.instruments.drivers import DRIVERS
from edge_agent.instruments.text_instrument import Talker
from edge_agent.lines.endings import Ending, Fence, TextAnswer
from edge_agent.lines.instrument import Instrument
from edge_agent.modbus.frames import Request, crc16, find_reply
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.modbus.signals import SampledRegisters, decode
from edge_agent.readings.samples import Measured
from quantrac.config.devices import PROTOCOLS, AnyProfile
from quantrac.config.modbus import ModbusProfile
from quantrac.config.profile_files import load_profile
from quantrac.config.profiles import Golden, HexExchange, TextExchange
from quantrac.config.serial import Sdi12Profile, VaisalaProfile
from tests.fixtures.instruments import device

DEVICES = Path(__file__).parents[3] / "station_configs" / "devices"
PROFILES = [load_profile(path) for path in sorted(DEVICES.glob("*.yaml"))]
GOLDENS = [
    pytest.param(profile, golden, id=f"{profile.device}-{number}")
    for profile in PROFILES
    for number, golden in enumerate(profile.golden)
]


@pytest.mark.parametrize(("profile", "golden"), GOLDENS)
def test_a_golden_exchange_gives_what_the_profile_says(profile: AnyProfile, golden: Golden) -> None:
    measured = _by_registers(profile, golden) if isinstance(profile, ModbusProfile) else _by_text(profile, golden)
    for name, (value, state) in golden.gives.items():
        assert measured[name].state is state, name
        assert measured[name].value == (None if value is None else pytest.approx(value, rel=1e-6)), name


def test_every_protocol_of_the_files_has_a_driver() -> None:
    assert DRIVERS.keys() == PROTOCOLS.keys()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.device)
def test_every_profile_has_a_golden_exchange(profile: AnyProfile) -> None:
    assert profile.golden


def _by_registers(profile: ModbusProfile, golden: Golden) -> dict[str, Measured]:
    sampled = SampledRegisters()
    for exchange in golden.exchanges:  # type: ignore[attr-defined]
        span, words = _words(exchange, rtu=profile.protocol == "modbus-rtu")
        sampled.put(span, words)
    decoded = {name: decode(profile, name, sampled) for name in golden.gives}
    return {name: measured for name, measured in decoded.items() if measured is not None}


def _words(exchange: HexExchange, *, rtu: bool) -> tuple[RegisterSpan, list[int]]:
    """Return what was asked and what came, checking the frames as the line would."""
    if rtu:
        assert crc16(exchange.ask[:-2]) == exchange.ask[-2:]
        unit, pdu = exchange.ask[0], exchange.ask[1:-2]
    else:
        assert exchange.ask[:4] == exchange.reply[:4]
        assert struct.unpack(">H", exchange.reply[4:6])[0] == len(exchange.reply) - 6
        unit, pdu = exchange.ask[6], exchange.ask[7:]
    code, at, count = struct.unpack(">BHH", pdu)
    span = RegisterSpan(Function(code), at, count)
    if rtu:
        assert find_reply(exchange.reply, Request(unit, span)) == exchange.reply
    data = exchange.reply[3:-2] if rtu else exchange.reply[9:]
    if span.function.is_bits:
        return span, [data[i // 8] >> i % 8 & 1 for i in range(count)]
    return span, list(struct.unpack(f">{count}H", data))


class ReplayedLine:
    """A line that answers each request with what the exchange says, and lets nothing else be asked."""

    def __init__(self, exchanges: tuple[TextExchange, ...]) -> None:
        self._exchanges = list(exchanges)
        self._unread = b""

    def owed_ms(self, request: bytes) -> int:
        return 0

    async def ask(
        self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int = 0, fence: Fence | None = None
    ) -> TextAnswer:
        exchange = self._exchanges.pop(0)
        assert request == exchange.ask
        self._unread = exchange.reply
        return TextAnswer(0, await self.listen(ending, timeout_ms))

    def now_ms(self) -> int:
        return 0

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        end = self._unread.index(ending.mark) + len(ending.mark) + ending.more
        answer, self._unread = self._unread[:end], self._unread[end:]
        return answer

    def try_ms(self, timeout_ms: int) -> int:
        return timeout_ms

    @property
    def is_used_up(self) -> bool:
        return not self._exchanges


def _by_text(profile: AnyProfile, golden: Golden) -> dict[str, Measured]:
    line = ReplayedLine(golden.exchanges)  # type: ignore[attr-defined]
    instrument = _instrument(profile, golden, line)
    if profile.is_talker:
        assert isinstance(instrument, Talker)
        said = [sample for exchange in golden.exchanges for sample in instrument.hear(exchange.reply, 0)]  # type: ignore[attr-defined]
        return {sample.signal: Measured(sample.value, sample.state) for sample in said}

    async def read() -> dict[str, Measured]:
        return {
            sample.signal: Measured(sample.value, sample.state)
            for part in instrument.parts()
            for sample in await instrument.read(part)
        }

    measured = asyncio.run(read())
    assert line.is_used_up
    return measured


def _instrument(profile: AnyProfile, golden: Golden, line: ReplayedLine) -> Instrument:
    first: Any = golden.exchanges[0]  # type: ignore[attr-defined]
    if isinstance(profile, Sdi12Profile) and b"V!" not in first.ask:
        profile = profile.model_copy(update={"verify": None})
    made = device(profile, {name: name for name in golden.gives}, _address(profile, first))
    return DRIVERS[profile.protocol].instrument(made, line)


def _address(profile: AnyProfile, exchange: TextExchange) -> str | int | None:
    """Return the address that the exchange is asked with, or answered from."""
    if isinstance(profile, VaisalaProfile | Sdi12Profile):
        return chr((exchange.ask or exchange.reply)[0])
    number = re.fullmatch(rb"\x02DA(\d{3})[\x03\r].*", exchange.ask)
    return int(number[1]) if number else None
