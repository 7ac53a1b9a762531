"""The Modbus bus: one owner, one transaction at a time, and no answer taken for another's.

pymodbus moves the bytes; everything that decides is here, because on RTU the library accepts a late reply as the
answer to the next request, does not compare lengths, and with its own retries lets one dead unit hold the line for
seconds. So: no retries and no reconnecting in the library; its timeout is the only one (an outer one would leave a
transaction half done); a frame is passed on only if it can be the answer (`rtu_traffic`); after a miss the line stays
quiet for a while, and a unit that still owes an answer gets another request first (`owed_answers`). On TCP the
transaction number does this work.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple

from pymodbus.exceptions import ModbusException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from edge_agent.clocks.clock import NowMs
from edge_agent.lines.instrument import Note
from edge_agent.lines.patience import LONGEST_MS
from edge_agent.lines.serial_line import check_port
from edge_agent.lines.shared_bus import RecordedExchange, SharedBus
from edge_agent.modbus.ascii_frames import ascii_of, rtu_of
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
from edge_agent.modbus.frames import (
    AnyRequest,
    Request,
    WriteRequest,
    find_reply,
    has_come,
    is_frame,
)
from edge_agent.modbus.numbered_frames import frames_heard, number_of
from edge_agent.modbus.owed_answers import NumberedAnswers
from edge_agent.modbus.pending_request import PendingRequest
from edge_agent.modbus.request_plan import RegisterSpan
from edge_agent.modbus.rtu_traffic import RtuTraffic
from edge_agent.readings.misses import (
    BadCheck,
    Contested,
    Garbled,
    LateAnswer,
    LineDown,
    Miss,
    NoAnswer,
    RequestRefused,
)
from quantrac.config.stations import Bus

SILENCE_S: Final = 0.06
"""A frame is over when nothing came for so long: longer than the 16 ms that USB adapters collect bytes."""
SILENCE_NETWORK_S: Final = 0.25
"""The same where RTU frames travel over a network."""
SILENCE_ASCII_S: Final = 1.0
"""The same between two characters of an ASCII frame (MODBUS over serial line V1.02, 2.5.2.1)."""
LONGEST_WAIT_S: Final = 1.0
"""The line is taken then, also where another master leaves it no pause."""
IN_USE: Final = "; another program may have it, such as the agent of this station"
NO_CONNECTION: Final = "; is it switched on, is this its address, has another program its only connection?"


class Timing(NamedTuple):
    """The times that one instrument needs on its line."""

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


class ModbusBus(SharedBus):
    """Reads registers and bits from the units of one bus."""

    def __init__(self, bus: Bus, clock: NowMs) -> None:
        super().__init__(bus, clock)
        self._rtu = bus.kind != "modbus-tcp"
        self._ascii = bus.kind == "modbus-ascii"
        self._silence_s = SILENCE_S if bus.port is not None else SILENCE_NETWORK_S
        if self._ascii:
            self._silence_s = SILENCE_ASCII_S
        self._client: Client | None = None
        self._has_answered = False
        """Something has come on this connection."""
        self._pending: PendingRequest | None = None
        self.traffic = RtuTraffic(self._learn, self._tell)
        self._numbered = NumberedAnswers()
        self._silence: asyncio.TimerHandle | None = None
        self._device_of: dict[int, str] = {}

    @property
    def _is_open(self) -> bool:
        return self._client is not None and self._client.connected

    async def open(self) -> None:
        """Open the port or connect; raises LineDown with the reason. Does nothing if it is open."""
        if self._is_open:
            return
        self.close()
        if self._bus.port is not None:
            check_port(self._bus.port)  # the library only says that it could not be opened
        self._client = make_client(self._bus, self._traffic, self._connection)
        try:
            connected = await self._client.connect()
        except (OSError, ValueError) as error:
            raise LineDown(f"{self._bus.place}: {error}") from error
        if not connected:
            raise LineDown(f"{self._bus.place}: cannot be opened{IN_USE if self._bus.port else NO_CONNECTION}")
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
        self._has_answered = False

    def inherit(self, former: SharedBus) -> None:
        """Go on where another bus has ended: its units may still answer what it asked."""
        if isinstance(former, ModbusBus):
            self.patience = former.patience
            self.traffic.inherit(former.traffic)

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
        while self._rtu and (fence := self.traffic.owed.fence(request, asyncio.get_running_loop().time())) is not None:
            with suppress(RequestRefused):  # then it owes one answer less
                await self._exchange(fence, timing)
        return await self._exchange(request, timing)

    async def write(self, request: WriteRequest, timing: Timing) -> None:
        """Write registers or a coil, once: what is not answered may have been done; raises as `read`."""
        _, _, reply = await self._answered(request, timing)
        check_written(reply, request)

    async def _exchange(self, request: Request, timing: Timing) -> RegisterAnswer:
        sent, sent_ms, reply = await self._answered(request, timing)
        if self._rtu and reply.isError():
            self.traffic.owed.refused(request, sent)
        check_read(reply, request)
        self.traffic.settle(request.unit, sent)
        return RegisterAnswer(sent_ms, words_of(reply, request.span))

    async def _answered(self, request: AnyRequest, timing: Timing) -> tuple[float, int, ModbusPDU]:
        """Return when a request was sent, by both clocks, and its reply or exception reply; raises Miss."""
        await self._wait_until_free()
        await self._let_others_finish()
        loop = asyncio.get_running_loop()
        self._pending = pending = PendingRequest(request, loop.time())
        sent_ms = self._clock()
        try:
            wait_ms = self._wait_ms(request.unit, timing.timeout_ms, self._behind_ms(timing), timing.most_ms)
            reply = await self._transact(pending, wait_ms / 1000)
            if reply is None:
                raise await self._miss(pending)
            await self._refuse_contested(pending)
            if self.record is not None and not reply.isError():
                self.record.append(RecordedExchange(pending.frame, self._reply_frame(pending)))
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

    def _reply_frame(self, pending: PendingRequest) -> bytes:
        if self._rtu:
            return find_reply(pending.heard, pending.request) or b""
        return pending.frames.reply

    async def _let_others_finish(self) -> None:
        """Leave the line to another master's request and its answer, but not for ever."""
        loop = asyncio.get_running_loop()
        latest = loop.time() + LONGEST_WAIT_S
        while self._rtu:
            wait_s = min(self.traffic.others.free_at, latest) - loop.time()
            if wait_s <= 0:
                return
            await asyncio.sleep(wait_s)

    async def _refuse_contested(self, pending: PendingRequest) -> None:
        """Raise Contested if the answer may be to another master's request; ours is owed then, unless all have come."""
        if not self._rtu:
            return
        now = asyncio.get_running_loop().time()
        if self._bus.port is None and self.traffic.others.is_about(now):
            await asyncio.sleep(self._silence_s)  # behind a server its requests are not heard, only both answers
        rivals = self.traffic.rivals(pending, now)
        if not rivals and not pending.is_doubled:
            return
        await self._keep_quiet(pending)
        self.traffic.contested(pending, rivals, now)
        who = f"another master {rivals[0].text}" if rivals else "another master asks here too"
        raise Contested(f"unit {pending.request.unit}: an answer that may be for another: {who}")

    async def _transact(self, pending: PendingRequest, timeout_s: float) -> ModbusPDU | None:
        """Ask and return the reply or exception reply, None if no valid frame came in time.

        Some devices end a connection behind each answer: then there is a new one, at most two for a request that reads.
        """
        if self._has_answered and not self._is_open:
            await self.open()
        lived = self._has_answered and isinstance(pending.request, Request)
        try:
            return await self._ask(pending, timeout_s)
        except LineDown:
            if not pending.hung_up or pending.heard or not lived:
                raise
        await self.open()
        return await self._ask(pending, timeout_s)

    async def _ask(self, pending: PendingRequest, timeout_s: float) -> ModbusPDU | None:
        client = self._client
        if client is None or not client.connected:
            raise LineDown(f"{self._bus.place}: not open")
        client.ctx.comm_params.timeout_connect = timeout_s
        try:
            reply: ModbusPDU = await ask(client, pending.request)
        except ModbusIOException as error:
            if pending.hung_up:
                raise LineDown(f"{self._bus.place}: closed the connection without an answer") from error
            return None
        except (ModbusException, OSError) as error:
            raise LineDown(f"{self._bus.place}: {error}") from error
        self._has_answered = True
        return reply

    async def _miss(self, pending: PendingRequest) -> Miss:
        """Return why there is no reply, once none can come any more."""
        unit, garbled = pending.request.unit, self._rtu and is_frame(pending.heard, pending.request)
        if self._rtu and not garbled:
            await self._keep_quiet(pending)
        if pending.answered:
            took_ms = (pending.last_byte - pending.sent) * 1000
            self.patience.late(unit, took_ms)
            if self._rtu and pending.refused and isinstance(pending.request, Request):
                self.traffic.owed.refused(pending.request, pending.sent)
            return LateAnswer(f"unit {unit}: answered after {took_ms:.0f} ms, too late")
        if self._rtu and isinstance(pending.request, Request) and not has_come(pending.heard, pending.request):
            self.traffic.owed.owe(pending.request, pending.sent)
        if not self._rtu and (pending.frames.is_bad or pending.frames.is_out_of_step):
            if pending.frames.is_out_of_step:
                self.close()
                await self.open()
            return Garbled(pending.no_frame)
        if garbled or (self._rtu and is_frame(pending.heard, pending.request)):
            whole = len(pending.heard) >= pending.request.reply_length
            text = pending.no_frame
            return BadCheck(text, pending.heard) if whole else Garbled(text, pending.heard)
        if not self._rtu:
            self._numbered.owe(pending.number, unit, pending.sent)
        self.patience.silent(unit)
        noise = f", only {pending.heard[:16].hex(' ')}, which is no frame" if self._rtu and pending.heard else ""
        return NoAnswer(f"unit {unit}: no answer{noise}", pending.heard)

    async def _keep_quiet(self, pending: PendingRequest) -> None:
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
            return self._numbered_traffic(sending, data)
        now = asyncio.get_running_loop().time()
        frames = rtu_of(data) if self._ascii else data
        if sending:
            self.traffic.sent(frames, pending, now)
            return data
        if pending is None:
            self.traffic.came_unasked(frames, now)
            return b""
        reply = self.traffic.came(frames, pending, now)
        self._watch_silence(reply is None and is_frame(pending.heard, pending.request))
        return ascii_of(reply) if self._ascii and reply else reply or b""

    def _numbered_traffic(self, sending: bool, data: bytes) -> bytes:
        """Find the answer on TCP, and learn from late ones: each frame says to which request it belongs."""
        pending = self._pending
        if sending:
            if pending is not None:
                pending.number, pending.heard, pending.hung_up = number_of(data), b"", False
                pending.frame = data
            return data
        for unit, sent in self._numbered.late(data):
            self._learn(unit, sent)
        if pending is None:
            return b""
        pending.heard, pending.frames = data, frames_heard(data, pending.number, pending.request)
        if pending.frames.is_bad:
            self._give_up()
        return pending.frames.reply

    def _connection(self, made: bool) -> None:
        """End the transaction under way when the other side has ended the connection."""
        if not made and self._pending is not None:
            self._pending.hung_up = True
            self._give_up()

    def _give_up(self) -> None:
        if self._client is not None:
            give_up(self._client.ctx.response_future)

    def _tell(self, text: str) -> None:
        if text:
            self.notes.append(Note("second_master", text))

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
