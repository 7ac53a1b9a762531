"""A line that is asked in requests and answers, for protocols of printable characters: a serial port or TCP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple

from edge_agent.acquiring.misses import Garbled, LateAnswer, NoAnswer
from edge_agent.acquiring.patience import Patience
from edge_agent.instruments.instrument import Unsuitable
from edge_agent.lines.byte_line import ByteLine
from edge_agent.lines.serial_line import SerialLine
from edge_agent.lines.tcp_line import TcpLine
from quantrac.config.stations import Bus

SILENCE_S: Final = 0.1
"""An answer is over when nothing came for so long."""
LONGEST_ANSWER: Final = 2048
"""Bayern-Hessen dumps of eleven channels take over 400, a monitor's report with its header over 500."""
LINE_UNIT: Final = 0
"""These lines carry one instrument each, as a rule: patience is the line's."""


class Ending(NamedTuple):
    """How an answer ends: with a mark, and so many bytes behind it."""

    mark: bytes
    more: int = 0


LINE: Final = Ending(b"\n")


class TextAnswer(NamedTuple):
    """What a request brought; `sent_ms` is the wall clock when it was sent."""

    sent_ms: int
    raw: bytes


def open_line(bus: Bus) -> ByteLine:
    """Return the line of a bus, not opened yet; raises Unsuitable."""
    if bus.port is not None:
        return SerialLine(bus.port, bus.line, bus.rs485)
    if bus.host is None or bus.tcp_port is None:
        raise Unsuitable(f"bus {bus.name}: {bus.kind} needs a serial port, or host and port")
    return TcpLine(bus.host, bus.tcp_port)


class SerialBus:
    """Asks on one line, one request at a time. All methods belong to the one task that owns the line."""

    def __init__(self, bus: Bus, clock: Callable[[], int]) -> None:
        self._bus = bus
        self._clock = clock
        self._line = open_line(bus)
        self._patience = Patience()
        self._unanswered: float | None = None
        """Loop time of the last request if nothing has answered it."""
        self._free_at = 0.0

    def worst_ms(self, timeout_ms: int) -> int:
        """Return the longest time that a failing request can hold the line."""
        return self._patience.wait_ms(LINE_UNIT, timeout_ms) + self._bus.guard_ms

    async def open(self) -> None:
        """Open the port or connect; raises LineDown."""
        await self._line.open()

    def close(self) -> None:
        """Close the port or connection."""
        self._line.close()

    def now_ms(self) -> int:
        """Return the wall clock."""
        return self._clock()

    async def ask(self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int = 0) -> TextAnswer:
        """Send a request and return its answer, raises Miss. After a miss a late answer is waited out and dropped."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._free_at - loop.time()))
        if self._line.discard() and self._unanswered is not None:
            self._note_late(self._unanswered)
        self._unanswered = None
        sent_ms, sent = self._clock(), loop.time()
        self._line.write(request)
        try:
            raw = await self._answer(request, ending, self._patience.wait_ms(LINE_UNIT, timeout_ms))
            self._patience.answered(LINE_UNIT, (loop.time() - sent) * 1000)
            return TextAnswer(sent_ms, raw)
        except NoAnswer as miss:
            if await self._line.be_quiet(self._bus.guard_ms / 1000, SILENCE_S):
                self._note_late(sent)
                raise LateAnswer(f"{request!r}: answered too late") from miss
            self._unanswered = sent
            self._patience.silent(LINE_UNIT)
            raise NoAnswer(f"{request!r}: {miss}") from miss
        except Garbled:
            await self._line.be_quiet(self._bus.guard_ms / 1000, SILENCE_S)
            raise
        finally:
            self._free_at = loop.time() + max(self._bus.gap_ms, turnaround_ms) / 1000

    async def _answer(self, request: bytes, ending: Ending, timeout_ms: int) -> bytes:
        if self._bus.echo:
            await self._line.read_until(request, timeout_ms / 1000, LONGEST_ANSWER)
        return await self.listen(ending, timeout_ms)

    def _note_late(self, sent: float) -> None:
        self._patience.late(LINE_UNIT, (self._line.last_byte - sent) * 1000)

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        """Return what comes unasked, such as a service request or a talker's line; raises NoAnswer or Garbled."""
        return await self._line.read_until(ending.mark, timeout_ms / 1000, LONGEST_ANSWER, ending.more)

    async def next_line(self, ending: Ending, timeout_ms: int) -> bytes | None:
        """Return the next line of a talker, None if none is whole yet; raises Garbled and LineDown."""
        return await self._line.next_line(ending.mark, timeout_ms / 1000, LONGEST_ANSWER)
