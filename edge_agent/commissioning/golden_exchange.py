"""Golden exchanges: what a request and its answer, as bytes on paper, mean to the decoder that reads the instrument.

A profile is proved by decoding each of its golden exchanges and comparing with what its `gives` says.
"""

from __future__ import annotations

import asyncio
import math
import re
import selectors
import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

from edge_agent.commissioning.profile_device import device_of
from edge_agent.instruments.speakers import TEXT_SPEAKERS
from edge_agent.instruments.text_instrument import Talker
from edge_agent.lines.endings import Ending, TextAnswer
from edge_agent.modbus.frames import EXCEPTION_LENGTH, Request, crc16
from edge_agent.modbus.request_plan import Function, RegisterSpan
from edge_agent.modbus.signals import SampledRegisters, decode
from edge_agent.readings.misses import Garbled, Miss, NoAnswer
from edge_agent.readings.samples import Measured
from quantrac.config.devices import PROTOCOLS, Address, AnyProfile
from quantrac.config.documents import Key, Tree, follow
from quantrac.config.findings import Findings
from quantrac.config.frames import show_hex, show_text
from quantrac.config.modbus import ModbusProfile
from quantrac.config.profiles import HexExchange, HexGolden, TextExchange, TextGolden
from quantrac.config.serial import BayernHessenProfile, Sdi12Profile, VaisalaProfile
from quantrac.config.stations import Bus
from quantrac.telemetry.errors import QuantracError

TOLERANCE: Final = 1e-6
"""A value on paper has at least so many digits, as a share of it: a float32 has seven."""
HEADER_LENGTH: Final = 7
"""Of a TCP frame, its unit included."""


class WrongGolden(QuantracError):
    """An exchange that cannot have been on the line, or that our driver would not have asked for."""

    def __init__(self, message: str, at: int, key: str) -> None:
        """`at`: which exchange, from 0; `key`: `ask` or `reply`."""
        super().__init__(message)
        self.at, self.key = at, key


def prove(profile: AnyProfile, tree: Tree, findings: Findings) -> None:
    """Note each golden exchange of a profile that its decoder refuses, or reads as something else than it `gives`."""
    goldens: Sequence[HexGolden | TextGolden] = profile.golden
    for number, golden in enumerate(goldens):
        path: tuple[Key, ...] = ("golden", number)
        try:
            found = decoded(profile, golden.exchanges, golden.gives)
        except WrongGolden as wrong:
            listed = follow(tree, (*path, "exchanges"))[0] == (*path, "exchanges")
            path = (*path, "exchanges", wrong.at, wrong.key) if listed else (*path, wrong.key)
            findings.add(follow(tree, path)[1].problem(path, str(wrong)))
            continue
        for name, wanted in golden.gives.items():
            is_there = found.get(name)
            if is_there is None or not _is_alike(is_there, Measured(*wanted)):
                where = (*path, "gives", name)
                decodes = "nothing: no exchange carries it" if is_there is None else shown(is_there)
                message = f"found {shown(Measured(*wanted))}, allowed {decodes}, which its exchanges decode to"
                findings.add(follow(tree, where)[1].problem(where, message))


def shown(measured: Measured) -> str:
    """Write what a signal gives as a profile does: `[4.21, ok]`."""
    value = "null" if measured.value is None else f"{measured.value:.7g}"
    return f"[{value}, {measured.state.word}]"


def decoded(
    profile: AnyProfile, exchanges: Sequence[HexExchange] | Sequence[TextExchange], names: Iterable[str]
) -> dict[str, Measured]:
    """Return what signals exchanges give, in the profile's units, without those that they do not carry.

    Raises WrongGolden.
    """
    if isinstance(profile, ModbusProfile):
        return _by_registers(profile, [one for one in exchanges if isinstance(one, HexExchange)], names)
    return _by_text(profile, [one for one in exchanges if isinstance(one, TextExchange)], names)


def _is_alike(one: Measured, other: Measured) -> bool:
    if one.state is not other.state or one.value is None or other.value is None:
        return (one.value, one.state) == (other.value, other.state)
    return math.isclose(one.value, other.value, rel_tol=TOLERANCE, abs_tol=1e-12)


def _by_registers(
    profile: ModbusProfile, exchanges: Sequence[HexExchange], names: Iterable[str]
) -> dict[str, Measured]:
    sampled = SampledRegisters()
    for number, exchange in enumerate(exchanges):
        span, words = _words(exchange, number, rtu=profile.protocol == "modbus-rtu")
        sampled.put(span, words)
    found = {name: decode(profile, name, sampled) for name in names}
    return {name: measured for name, measured in found.items() if measured is not None}


def _words(exchange: HexExchange, number: int, *, rtu: bool) -> tuple[RegisterSpan, list[int]]:
    """Return what was asked and what came, the frames checked as on a line."""
    unit, request = _unframed(exchange.ask, number, "ask", rtu=rtu)
    answered, reply = _unframed(exchange.reply, number, "reply", rtu=rtu)
    code, at, count = struct.unpack(">BHH", request) if len(request) == 5 else (0, 0, 0)
    if code not in {function.value for function in Function} or not 1 <= count <= 2000 or at + count > 0x1_0000:
        allowed = "a read: function 01-04, address and count of registers, two bytes each"
        raise WrongGolden(f"found {show_hex(request)} between unit and check, allowed {allowed}", number, "ask")
    span = RegisterSpan(Function(code), at, count)
    wanted = Request(unit, span)
    if answered != unit or (not rtu and exchange.ask[:2] != exchange.reply[:2]):
        raise WrongGolden("found an answer of another unit or transaction than was asked", number, "reply")
    head = wanted.proper_head[1:]
    if reply[:2] != head or len(reply) != 2 + wanted.data_bytes:
        allowed = f"{show_hex(head)} and {wanted.data_bytes} bytes"
        raise WrongGolden(f"found {show_hex(reply[:2])} and {len(reply) - 2} bytes, allowed {allowed}", number, "reply")
    data = reply[2:]
    if span.function.is_bits:
        return span, [data[i // 8] >> i % 8 & 1 for i in range(count)]
    return span, list(struct.unpack(f">{count}H", data))


def _unframed(frame: bytes, number: int, key: str, *, rtu: bool) -> tuple[int, bytes]:
    """Return the unit and what stands between it and the check, or behind the header of TCP."""
    if rtu:
        check = crc16(frame[:-2])
        if len(frame) < EXCEPTION_LENGTH or frame[-2:] != check:
            message = f"found CRC {show_hex(frame[-2:])}, allowed {show_hex(check)} behind these bytes"
            raise WrongGolden(message, number, key)
        return frame[0], frame[1:-2]
    length = len(frame) - HEADER_LENGTH + 1
    if len(frame) <= HEADER_LENGTH or frame[2:6] != struct.pack(">HH", 0, length):
        message = f"found {show_hex(frame[2:6])} behind the transaction, allowed 00 00 and the length {length}"
        raise WrongGolden(message, number, key)
    return frame[6], frame[7:]


def _by_text(profile: AnyProfile, exchanges: Sequence[TextExchange], names: Iterable[str]) -> dict[str, Measured]:
    if isinstance(profile, Sdi12Profile) and not any(b"V!" in exchange.ask for exchange in exchanges):
        profile = profile.model_copy(update={"verify": None})
    bus = Bus(name="paper", kind=PROTOCOLS[profile.protocol].bus_kinds[0])
    line = _ReplayedLine(exchanges)
    device = device_of(profile, bus, _address(profile, exchanges[0]), names)
    instrument = TEXT_SPEAKERS[profile.protocol].instrument(device, line)
    found: dict[str, Measured] = {}

    async def read() -> None:
        for part in instrument.parts():
            for sample in await instrument.read(part):
                found[sample.signal] = Measured(sample.value, sample.state)

    try:
        if isinstance(instrument, Talker):
            for line.at, exchange in enumerate(exchanges):
                for sample in instrument.hear(exchange.reply, 0):
                    found[sample.signal] = Measured(sample.value, sample.state)
        else:
            with asyncio.Runner(loop_factory=_HurriedLoop) as runner:
                runner.run(read())
            line.expect_end()
    except Miss as miss:
        message = f"found an answer that is refused ({miss}), allowed one that can be read"
        raise WrongGolden(message, max(0, line.at), "reply") from miss
    return found


def _address(profile: AnyProfile, exchange: TextExchange) -> Address:
    """Return the address that the exchange is asked with, or answered from."""
    if isinstance(profile, VaisalaProfile | Sdi12Profile):
        first = (exchange.ask or exchange.reply)[:1].decode("latin-1")
        return first if first.isascii() and first.isalnum() else "0"
    number = re.fullmatch(rb"\x02DA(\d{3})[\x03\r].*", exchange.ask)
    return int(number[1]) if number and isinstance(profile, BayernHessenProfile) else None


class _ReplayedLine:
    """A line that answers each request with what the exchange says, and lets nothing else be asked."""

    def __init__(self, exchanges: Sequence[TextExchange]) -> None:
        self._exchanges = exchanges
        self._unread = b""
        self.at = -1
        """Which exchange is being read."""

    def owed_ms(self, request: bytes) -> int:  # noqa: ARG002
        return 0

    def now_ms(self) -> int:
        return 0

    def try_ms(self, timeout_ms: int) -> int:
        return timeout_ms

    async def ask(self, request: bytes, ending: Ending, timeout_ms: int, *_: object) -> TextAnswer:
        self.at += 1
        if self.at == len(self._exchanges):
            message = f"found no exchange behind this one, allowed one that asks {show_text(request)!r}"
            raise WrongGolden(message, self.at - 1, "ask")
        if request != self._exchanges[self.at].ask:
            found, allowed = show_text(self._exchanges[self.at].ask), show_text(request)
            raise WrongGolden(f"found {found!r}, allowed {allowed!r}, which our driver sends here", self.at, "ask")
        self._unread = self._exchanges[self.at].reply
        return TextAnswer(0, await self.listen(ending, timeout_ms))

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:  # noqa: ARG002
        if self.at < 0 and self._exchanges and not self._exchanges[0].ask:  # a conversation that begins by listening
            self.at, self._unread = 0, self._exchanges[0].reply
        if not self._unread:
            raise NoAnswer("nothing comes")
        at = self._unread.find(ending.mark)
        end = at + len(ending.mark) + ending.more
        if at < 0 or len(self._unread) < end:
            raise Garbled(f"no end {ending.mark!r} in {self._unread[:40]!r}")
        answer, self._unread = self._unread[:end], self._unread[end:]
        return answer

    def expect_end(self) -> None:
        """Raise WrongGolden if there are exchanges that were not asked for."""
        if self.at + 1 < len(self._exchanges):
            raise WrongGolden("found an exchange that our driver does not ask for", self.at + 1, "ask")


class _HurriedLoop(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time: on paper a sensor has measured already."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        super().__init__(_Hurrying(self))

    def time(self) -> float:
        return super().time() + self._ahead_s

    def hurry(self, by_s: float) -> None:
        self._ahead_s += by_s


class _Hurrying(selectors.DefaultSelector):
    def __init__(self, loop: _HurriedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        self._loop.hurry(max(0.0, timeout or 0.0))
        return super().select(0)
