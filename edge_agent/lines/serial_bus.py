"""The bus of text protocols: requests and answers in printable characters, on a serial port or TCP."""

from __future__ import annotations

import asyncio
from typing import Final

from edge_agent.clocks.clock import NowMs
from edge_agent.lines.byte_line import ByteLine
from edge_agent.lines.endings import Ending, Fence, TextAnswer
from edge_agent.lines.instrument import Unsuitable
from edge_agent.lines.owed_texts import OwedText, OwedTexts
from edge_agent.lines.serial_line import SerialLine
from edge_agent.lines.shared_bus import RecordedExchange, SharedBus
from edge_agent.lines.tcp_line import TcpLine
from edge_agent.readings.misses import Garbled, LateAnswer, LineDown, Miss, NoAnswer
from quantrac.config.frames import show_text
from quantrac.config.stations import Bus

SILENCE_S: Final = 0.1
"""An answer is over when nothing came for so long."""
LONGEST_ANSWER: Final = 2048
"""Bayern-Hessen dumps of eleven channels take over 400, a monitor's report with its header over 500."""
LOOK_S: Final = 0.05
"""How often it is looked whether an owed answer has come."""
FENCE: Final = b"fence "
LINE_UNIT: Final = 0
"""These lines carry one instrument each, as a rule: patience is the line's."""


def open_line(bus: Bus) -> ByteLine:
    """Return the line of a bus, not opened yet; raises Unsuitable."""
    if bus.port is not None:
        return SerialLine(bus.port, bus.line, bus.rs485)
    if bus.host is None or bus.tcp_port is None:
        raise Unsuitable(f"bus {bus.name}: {bus.kind} needs a serial port, or host and port")
    return TcpLine(bus.host, bus.tcp_port)


class SerialBus(SharedBus):
    """Asks on one line, one request at a time."""

    def __init__(self, bus: Bus, clock: NowMs) -> None:
        super().__init__(bus, clock)
        self._line = open_line(bus)
        self.owed = OwedTexts()
        self._unasked = bytearray()
        self._has_answered = False
        """Something has come on this connection."""

    def inherit(self, former: SharedBus) -> None:
        """Go on where another bus has ended: what it asked may still be answered."""
        if isinstance(former, SerialBus):
            self.owed, self.patience = former.owed, former.patience

    def try_ms(self, timeout_ms: int) -> int:
        """Return the time of the line that a try needs at least."""
        return self.patience.needed_ms(LINE_UNIT, timeout_ms) + self._bus.guard_ms

    async def open(self) -> None:
        """Open the port or connect; raises LineDown."""
        if not self._line.is_open:
            self._has_answered = False
            await self._line.open()

    def close(self) -> None:
        """Close the port or connection."""
        self._line.close()

    def heard_late(self) -> set[str]:
        """Return the devices whose answers came too late since this was asked last."""
        self._hear_unasked()
        return super().heard_late()

    def owed_ms(self, request: bytes) -> int:
        """Return for how long a request without a fence is better not sent: its last answer may still come."""
        self._hear_unasked()
        return self.owed.left_ms(request, asyncio.get_running_loop().time())

    async def ask(
        self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int = 0, fence: Fence | None = None
    ) -> TextAnswer:
        """Send a request and return its answer, raises Miss. After a miss a late answer is waited out and dropped.

        If an answer like it is still owed, the fence has to be answered first; without a fence the owed one is waited
        for.
        """
        loop, kind = asyncio.get_running_loop(), request if fence is None else fence.request
        self._hear_unasked()
        while (left_ms := self.owed.left_ms(kind, loop.time())) > 0:
            if fence is not None:
                await self._exchange(fence.request, fence.ending, timeout_ms, turnaround_ms, FENCE + kind)
                self.owed.settle(kind)
            else:
                await asyncio.sleep(min(left_ms / 1000, LOOK_S))
                self._hear_unasked()
        if fence is not None and self.owed.left_ms(FENCE + kind, loop.time()):
            ending = ending.but_not(fence.ending)
        return await self._exchange(request, ending, timeout_ms, turnaround_ms, kind)

    async def tell(self, request: bytes, turnaround_ms: int = 0) -> None:
        """Send what is not answered; raises LineDown."""
        await self._wait_until_free()
        self._line.write(request)
        self._free_at = asyncio.get_running_loop().time() + max(self._bus.gap_ms, turnaround_ms) / 1000

    async def _exchange(
        self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int, kind: bytes
    ) -> TextAnswer:
        """Ask once; again where an instrument in a network ends its connection behind each answer."""
        ends_it = self._has_answered and self._bus.port is None
        if ends_it and not self._line.is_open:
            await self.open()
        elif ends_it:
            try:
                return await self._ask_once(request, ending, timeout_ms, turnaround_ms, kind)
            except LineDown:
                await self.open()
        return await self._ask_once(request, ending, timeout_ms, turnaround_ms, kind)

    async def _ask_once(
        self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int, kind: bytes
    ) -> TextAnswer:
        loop = asyncio.get_running_loop()
        await self._wait_until_free()
        self._hear_unasked()
        self._unasked.clear()
        owed = OwedText(kind, ending, loop.time(), self._allowance.device)
        sent_ms = self._clock()
        self._line.write(request)
        try:
            raw = await self._answer(request, ending, self._wait_ms(LINE_UNIT, timeout_ms, self._bus.guard_ms))
            self._has_answered = True
            self.patience.answered(LINE_UNIT, (loop.time() - owed.sent) * 1000)
            if self.record is not None and not kind.startswith(FENCE):
                self.record.append(RecordedExchange(request, raw.removeprefix(request)))
            return TextAnswer(sent_ms, raw)
        except (NoAnswer, Garbled) as miss:
            raise await self._missed(request, owed, miss) from miss
        finally:
            self._free_at = loop.time() + max(self._bus.gap_ms, turnaround_ms) / 1000

    async def _missed(self, request: bytes, owed: OwedText, miss: Miss) -> Miss:
        """Keep the line quiet, and return what to call the miss after what came meanwhile."""
        heard = await self._line.be_quiet(self._bus.guard_ms / 1000, SILENCE_S)
        before = miss.heard if isinstance(miss, Garbled) else b""
        if owed.kind.startswith(FENCE):
            self._unasked += heard  # what was owed before it, perhaps
            self._learn_late()
        if not owed.ending.has_come(before + heard):
            self.owed.owe(owed)
        if isinstance(miss, Garbled):
            return miss
        if heard:
            self._learn(owed.sent)
            return LateAnswer(f"{show_text(request)}: answered too late")
        self.patience.silent(LINE_UNIT)
        return NoAnswer(f"{show_text(request)}: {miss}")

    async def _answer(self, request: bytes, ending: Ending, timeout_ms: int) -> bytes:
        """Return the first answer to this request; others and noise are skipped."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_ms / 1000
        if self._bus.echo:
            await self._line.read_until(request, timeout_ms / 1000, LONGEST_ANSWER)
        skipped = b""
        while True:
            left_s = max(0.0, deadline - loop.time())
            try:
                raw = await self._line.read_until(ending.mark, left_s, LONGEST_ANSWER, ending.more)
            except NoAnswer as miss:
                if skipped:
                    raise Garbled(f"{show_text(request)}: only {show_text(skipped[:40])} came", skipped) from miss
                raise
            if ending.is_answer(raw):
                return raw
            skipped += raw
            self._unasked += raw
            self._learn_late()

    def _learn(self, sent: float) -> float:
        took_ms = (self._line.last_byte - sent) * 1000
        self.patience.late(LINE_UNIT, took_ms)
        return took_ms

    def _hear_unasked(self) -> None:
        """Learn from answers that came after their time."""
        self._unasked += self._line.discard()
        self._learn_late()

    def _learn_late(self) -> None:
        while (late := self.owed.late(bytes(self._unasked))) is not None:
            owed, behind = late
            del self._unasked[:behind]
            self._note_late(owed.device, self._learn(owed.sent))

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        """Return what comes unasked, such as a service request or a talker's line; raises NoAnswer or Garbled."""
        raw = await self._line.read_until(ending.mark, timeout_ms / 1000, LONGEST_ANSWER, ending.more)
        if self.record is not None:
            asked = self.record.pop() if self.record and self.record[-1].ask else RecordedExchange(b"", b"")
            self.record.append(RecordedExchange(asked.ask, asked.reply + raw))
        return raw

    async def next_line(self, ending: Ending, timeout_ms: int) -> bytes | None:
        """Return the next line of a talker, None if none is whole yet; raises Garbled and LineDown."""
        return await self._line.next_line(ending.mark, timeout_ms / 1000, LONGEST_ANSWER, ending.more)
