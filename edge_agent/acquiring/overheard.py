"""Trying instruments that talk by themselves on a line to which its owner listens, without taking a line from him."""

from __future__ import annotations

import asyncio

from edge_agent.acquiring.probe import SpotReading, kept_open, look_at
from edge_agent.acquiring.talker_reader import TalkerReader
from edge_agent.clocks.clock import NowMs
from edge_agent.instruments.talkers import Talker
from edge_agent.lines.endings import Ending
from edge_agent.readings.misses import NoAnswer
from quantrac.config.stations import Device


class Overheard:
    """A bus that brings what another one hears."""

    def __init__(self, clock: NowMs) -> None:
        self._clock = clock
        self._lines: asyncio.Queue[bytes] = asyncio.Queue()

    def put(self, raw: bytes) -> None:
        """Take a line that its owner has heard."""
        self._lines.put_nowait(raw)

    async def open(self) -> None:
        """Its owner has opened it."""

    def close(self) -> None:
        """Its owner goes on."""

    def now_ms(self) -> int:
        """Return the wall clock."""
        return self._clock()

    def try_ms(self, timeout_ms: int) -> int:
        """Return the longest time that listening can take."""
        return timeout_ms

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:  # noqa: ARG002 (the lines are whole)
        """Return the next line; raises NoAnswer."""
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await self._lines.get()
        except TimeoutError as error:
            raise NoAnswer(f"nothing heard within {timeout_ms / 1000:.1f} s") from error


async def overhear(owner: TalkerReader, device: Device, talker: Talker, clock: NowMs, tries: int) -> list[SpotReading]:
    """Return what a device's channels are by the lines that the owner of its line hears now."""
    overheard = Overheard(clock)
    owner.taps.append(overheard.put)
    try:
        return await look_at(device, talker.listening_to(overheard), kept_open(overheard), tries)
    finally:
        owner.taps.remove(overheard.put)
