"""The Modbus bus: one owner, one transaction at a time, and no answer taken for another's.

pymodbus moves the bytes; everything that decides is here, because on RTU the library accepts a late reply as the
answer to the next request, does not compare lengths, and with its own retries lets one dead unit hold the line for
seconds. So: no retries and no reconnecting in the library; its timeout is the only one (an outer one would leave a
transaction half done); a frame is passed on only if it can be the answer (`framing`); after a miss the line stays
quiet for a while, and a unit that still owes an answer gets another request first (`owed_answers`). On TCP the
transaction number does this work.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pymodbus.exceptions import ModbusException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from edge_agent.clocks.clock import NowMs
from edge_agent.lines.patience import LONGEST_MS
from edge_agent.lines.serial_line import check_port
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.modbus.client import (
    Client,
    ask,
    check_read,
    check_written,
    give_up,
    make_client,
    switch_direction,
    words_of,
)
from edge_agent.modbus.frames import AnyRequest, Request, WriteRequest, find_reply, has_come, is_exception, is_frame
from edge_agent.modbus.owed_answers import NumberedAnswers, OwedAnswers, number_of
from edge_agent.modbus.request_plan import RegisterSpan
from edge_agent.readings.misses import BadCheck, Garbled, LateAnswer, LineDown, Miss, NoAnswer, RequestRefused
from quantrac.config.stations import Bus

SILENCE_S: Final = 0.06
"""A frame is over when nothing came for so long: longer than the 16 ms that USB adapters collect bytes."""
SILENCE_NETWORK_S: Final = 0.25
"""The same where RTU frames travel over a network."""
IN_USE: Final = "; another program may have it, such as the agent of this station"


class Timing(NamedTuple):
    """What one instrument needs of its line."""

    timeout_ms: int
    """Longest time from request to the end of the answer."""
    turnaround_ms: int = 0
    """Silence between its answer and the next request."""
    most_ms: int = LONGEST_MS
    """Where neighbours are due it is not waited for longer than this, however late it answers."""


class RegisterAnswer(NamedTuple):
    """What a read brought: `words` are registers, or bits as 0 and 1; `sent_ms` the wall clock when it was asked."""

    sent_ms: int
    words: list[int]


@dataclass(slots=True)
class _Pending:
    request: AnyRequest
    sent: float
    """Loop time when it was asked."""
    heard: bytes = b""
    answered: bool = False
    refused: bool = False
    """It was answered by an exception."""
    last_byte: float = 0.0
    number: int = 0
    """Transaction number on TCP."""
    foreign: list[bytes] = field(default_factory=list)
    """Late answers to earlier requests that came meanwhile."""


class ModbusBus(SharedBus):
    """Reads registers and bits from the units of one bus."""

    def __init__(self, bus: Bus, clock: NowMs) -> None:
        super().__init__(bus, clock)
        self._rtu = bus.kind != "modbus-tcp"
        self._silence_s = SILENCE_S if bus.port is not None else SILENCE_NETWORK_S
        self._client: Client | None = None
        self._pending: _Pending | None = None
        self.owed = OwedAnswers()
        self._numbered = NumberedAnswers()
        self._silence: asyncio.TimerHandle | None = None
        self._device_of: dict[int, str] = {}

    async def open(self) -> None:
        """Open the port or connect; raises LineDown with the reason. Does nothing if it is open."""
        if self._client is not None and self._client.connected:
            return
        self.close()
        if self._bus.port is not None:
            check_port(self._bus.port)  # the library only says that it could not be opened
        self._client = make_client(self._bus, self._traffic)
        try:
            connected = await self._client.connect()
        except (OSError, ValueError) as error:
            raise LineDown(f"{self._bus.place}: {error}") from error
        if not connected:
            raise LineDown(f"{self._bus.place}: cannot be opened{IN_USE if self._bus.port else ''}")
        if self._bus.rs485 is not None and self._bus.port is not None:
            try:
                switch_direction(self._client, self._bus.place, self._bus.rs485)
            except LineDown:
                self.close()
                raise

    def close(self) -> None:
        """Close the port or connection."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self._numbered = NumberedAnswers()  # a new connection counts from 1

    def inherit(self, former: SharedBus) -> None:
        """Go on where another bus has ended: its units may still answer what it asked."""
        if isinstance(former, ModbusBus):
            self.owed, self.patience = former.owed, former.patience

    def try_ms(self, unit: int, timing: Timing) -> int:
        """Return the time of the bus that a try of a unit needs at least."""
        return self.patience.needed_ms(unit, timing.timeout_ms, timing.most_ms) + self._behind_ms(timing)

    def _behind_ms(self, timing: Timing) -> int:
        """Return how long the line is not used after a miss."""
        return (self._bus.guard_ms if self._rtu else 0) + max(self._bus.gap_ms, timing.turnaround_ms)

    async def read(self, unit: int, span: RegisterSpan, timing: Timing) -> RegisterAnswer:
        """Read one span of one unit.

        Raises:
            NoAnswer, LateAnswer, Garbled, Refused: see `misses`.
            LineDown: the connection is gone.
        """
        request = Request(unit, span)
        if self._allowance.device:
            self._device_of[unit] = self._allowance.device
        while self._rtu and (fence := self.owed.fence(request, asyncio.get_running_loop().time())) is not None:
            with suppress(RequestRefused):  # then it owes one answer less
                await self._exchange(fence, timing)
        return await self._exchange(request, timing)

    async def write(self, request: WriteRequest, timing: Timing) -> None:
        """Write one register or coil, once: what is not answered may have been done; raises as `read`."""
        _, _, reply = await self._answered(request, timing)
        check_written(reply, request)

    async def _exchange(self, request: Request, timing: Timing) -> RegisterAnswer:
        sent, sent_ms, reply = await self._answered(request, timing)
        if self._rtu and reply.isError():
            self.owed.refused(request, sent)
        check_read(reply, request)
        self.owed.settle(request.unit, sent)
        return RegisterAnswer(sent_ms, words_of(reply, request.span))

    async def _answered(self, request: AnyRequest, timing: Timing) -> tuple[float, int, ModbusPDU]:
        """Return when a request was sent, by both clocks, and its reply or exception reply; raises Miss."""
        await self._wait_until_free()
        loop = asyncio.get_running_loop()
        self._pending = pending = _Pending(request, loop.time())
        sent_ms = self._clock()
        try:
            wait_ms = self._wait_ms(request.unit, timing.timeout_ms, self._behind_ms(timing), timing.most_ms)
            reply = await self._transact(pending, wait_ms / 1000)
            if reply is None:
                raise await self._miss(pending)
            self.patience.answered(request.unit, (loop.time() - pending.sent) * 1000)
            return pending.sent, sent_ms, reply
        finally:
            self._pending = None
            self._free_at = loop.time() + max(self._bus.gap_ms, timing.turnaround_ms) / 1000

    async def send_raw(self, frame: bytes) -> None:
        """Put bytes on the line that are no request, to wake an instrument that sleeps."""
        await self._wait_until_free()
        if self._client is None or self._client.ctx.transport is None:
            raise LineDown(f"{self._bus.place}: not open")
        self._client.ctx.send(frame)

    async def _transact(self, pending: _Pending, timeout_s: float) -> ModbusPDU | None:
        """Ask and return the reply or exception reply, None if no valid frame came in time."""
        client = self._client
        if client is None or not client.connected:
            raise LineDown(f"{self._bus.place}: not open")
        client.ctx.comm_params.timeout_connect = timeout_s
        try:
            reply: ModbusPDU = await ask(client, pending.request)
        except ModbusIOException:
            return None
        except (ModbusException, OSError) as error:
            raise LineDown(f"{self._bus.place}: {error}") from error
        return reply

    async def _miss(self, pending: _Pending) -> Miss:
        """Return why there is no reply, once none can come any more."""
        unit, garbled = pending.request.unit, self._rtu and is_frame(pending.heard, pending.request)
        if self._rtu and not garbled:
            await self._keep_quiet(pending)
        if pending.answered:
            took_ms = (pending.last_byte - pending.sent) * 1000
            self.patience.late(unit, took_ms)
            if self._rtu and pending.refused and isinstance(pending.request, Request):
                self.owed.refused(pending.request, pending.sent)
            return LateAnswer(f"unit {unit}: answered after {took_ms:.0f} ms, too late")
        if self._rtu and isinstance(pending.request, Request) and not has_come(pending.heard, pending.request):
            self.owed.owe(pending.request, pending.sent)
        if garbled or (self._rtu and is_frame(pending.heard, pending.request)):
            whole = len(pending.heard) >= pending.request.reply_length
            text = f"unit {unit}: no valid frame in {pending.heard[:16].hex(' ')} ({len(pending.heard)} bytes)"
            return BadCheck(text) if whole else Garbled(text)
        if not self._rtu:
            self._numbered.owe(pending.number, unit, pending.sent)
        self.patience.silent(unit)
        return NoAnswer(f"unit {unit}: no answer")

    async def _keep_quiet(self, pending: _Pending) -> None:
        """Stay silent for the guard time, or until a late answer has come and is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._bus.guard_ms / 1000
        while (now := loop.time()) < end:
            ended = pending.answered or is_frame(pending.heard, pending.request)
            if ended and now - pending.last_byte > self._silence_s:
                return
            await asyncio.sleep(min(0.01, end - now))

    def _traffic(self, sending: bool, data: bytes) -> bytes:
        """Look at what pymodbus sends, and choose from what came since the request what it may see."""
        pending = self._pending
        if not self._rtu:
            self._numbered_traffic(sending, data)
        if sending or not self._rtu:
            return data
        if pending is None:
            self._hear_unasked(data)
            return b""
        heard = self._without_late(data, pending)
        pending.heard, pending.last_byte = heard, asyncio.get_running_loop().time()
        reply = find_reply(heard, pending.request)
        self._watch_silence(reply is None and is_frame(heard, pending.request))
        pending.answered = pending.answered or reply is not None
        pending.refused = pending.refused or (reply is not None and is_exception(reply))
        return reply or b""

    def _numbered_traffic(self, sending: bool, data: bytes) -> None:
        """Learn from late answers on TCP, where each says to which request it belongs."""
        if sending:
            if self._pending is not None:
                self._pending.number = number_of(data)
            return
        if self._pending is not None:
            self._pending.heard = data
        for unit, sent in self._numbered.late(data):
            self._learn(unit, sent)

    def _without_late(self, data: bytes, pending: _Pending) -> bytes:
        """Take late answers to earlier requests out of what has come since a request."""
        for frame in pending.foreign:
            data = data.replace(frame, b"", 1)
        asked = pending.request if isinstance(pending.request, Request) else None
        while (late := self.owed.late(data, asked)) is not None:
            frame, owed = late
            pending.foreign.append(frame)
            data = data.replace(frame, b"", 1)
            self._learn(owed.request.unit, owed.sent)
        return data

    def _hear_unasked(self, heard: bytes) -> None:
        """Learn from an answer that comes after its time."""
        if (late := self.owed.late(heard, None)) is not None:
            self._learn(late[1].request.unit, late[1].sent)

    def _learn(self, unit: int, sent: float) -> None:
        took_ms = (asyncio.get_running_loop().time() - sent) * 1000
        self._note_late(self._device_of.get(unit, ""), took_ms)
        self.patience.late(unit, took_ms)

    def _watch_silence(self, frame: bool) -> None:
        """When a frame has come or begun and is not valid, end the transaction once the line is silent."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if frame and self._client is not None:
            future = self._client.ctx.response_future
            self._silence = asyncio.get_running_loop().call_later(self._silence_s, give_up, future)
