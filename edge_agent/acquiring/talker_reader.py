"""The talker reader: the one task that owns a line of instruments that send by themselves. Each line is a sample."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from edge_agent.acquiring.bus_reader import REOPEN_S, Mounting
from edge_agent.acquiring.schedule import LOST_AFTER
from edge_agent.acquiring.tasks import pause
from edge_agent.clocks.clock import WallClock
from edge_agent.instruments.text_instrument import Talker
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import Garbled, LineDown, Miss, NoAnswer
from edge_agent.readings.records import StationEvent
from quantrac.config.stations import Device

LISTEN_MS: Final = 500
"""At least so often it looks whether to stop, and who has been silent."""

log = structlog.get_logger()


class TalkerReader:
    """Takes what the instruments of one line send."""

    def __init__(
        self,
        name: str,
        bus: SerialBus,
        mountings: Sequence[Mounting],
        wall: WallClock,
        misses: MissCounts,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; `misses` counts damaged lines and silence, one for each sample that did not come.

        `beat` is called each time that it has listened, or waited to open the line.
        """
        self._name = name
        self._bus = bus
        self._wall = wall
        self._misses = misses
        self._beat = beat
        self._mountings = [(m, m.instrument) for m in mountings if isinstance(m.instrument, Talker)]
        self._ending = self._mountings[0][1].ending
        self._heard_ms = dict.fromkeys((m.device.name for m in mountings), wall.now_ms())
        self._silences = dict.fromkeys(self._heard_ms, 0)
        self._failed_opens = 0
        self.turn = asyncio.Lock()
        """Held while it listens, half a second at most; others take it to use the line."""
        self.taps: list[Callable[[bytes], None]] = []
        """Others who want every line, too."""

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set."""
        try:
            while not stop.is_set():
                try:
                    await self._bus.open()
                    await self._listen(stop)
                except LineDown as down:
                    await self._line_down(down, stop)
        finally:
            self._bus.close()

    async def _listen(self, stop: asyncio.Event) -> None:
        """Take lines until `stop` is set or the line goes away; the first is heard from its middle."""
        await self._next_line()
        self._line_is_back()
        while not stop.is_set():
            async with self.turn:
                await self._bus.open()  # another may have used the line
                raw = await self._next_line()
            if raw is not None:
                self._take(raw)
            self._note_silence()
            self._beat()

    def hears_alike(self, device: Device, talker: Talker) -> bool:
        """Return whether it hears the lines of a talker of another configuration at the same place."""
        mine = self._mountings[0][0].device
        return (mine.bus.line, self._ending) == (device.bus.line, talker.ending)

    async def _next_line(self) -> bytes | None:
        try:
            return await self._bus.next_line(self._ending, LISTEN_MS)
        except Garbled as garbled:
            self._misses.note(self._name, garbled)
            return None

    def _take(self, raw: bytes) -> None:
        t_ms = self._wall.now_ms()
        for tap in self.taps:
            tap(raw)
        for mounting, talker in self._mountings:
            try:
                samples = talker.hear(raw, t_ms)
            except Garbled as garbled:
                self._miss(mounting, garbled)
                continue
            if samples:
                self._was_heard(mounting, t_ms)
                mounting.channels.take(samples)
                mounting.channels.close(t_ms)

    def _was_heard(self, mounting: Mounting, t_ms: int) -> None:
        name = mounting.device.name
        self._heard_ms[name], self._silences[name] = t_ms, 0
        if mounting.lost:
            mounting.lost = False
            log.warning("device_back", bus=self._name, device=name)
            mounting.channels.events.append(StationEvent("device_back", name, "", t_ms))

    def _note_silence(self) -> None:
        """Count each sample that did not come in its time; after some of them in a row a device is lost."""
        now_ms = self._wall.now_ms()
        for mounting, _ in self._mountings:
            name, period_ms = mounting.device.name, max(mounting.device.sample_ms, mounting.device.timeout_ms)
            self._heard_ms[name] = min(self._heard_ms[name], now_ms)  # the clock was set back
            if now_ms - self._heard_ms[name] < period_ms * (self._silences[name] + 1):
                continue
            self._silences[name] += 1
            self._miss(mounting, NoAnswer(f"{name}: nothing heard for {now_ms - self._heard_ms[name]} ms"))
            if self._silences[name] >= LOST_AFTER and not mounting.lost:
                mounting.lost = True
                log.warning("device_lost", bus=self._name, device=name)
                mounting.channels.events.append(StationEvent("device_lost", name, "", now_ms))

    def _miss(self, mounting: Mounting, miss: Miss) -> None:
        self._misses.note(mounting.device.name, miss)
        log.debug("read_missed", bus=self._name, device=mounting.device.name, why=str(miss))

    def _line_is_back(self) -> None:
        if self._failed_opens:
            log.info("bus_back", bus=self._name)
            self._first_events.append(StationEvent("bus_back", None, self._name, self._wall.now_ms()))
        self._failed_opens = 0

    async def _line_down(self, down: LineDown, stop: asyncio.Event) -> None:
        self._bus.close()
        self._misses.note(self._name, down)
        if self._failed_opens == 0:
            log.warning("bus_lost", bus=self._name, why=str(down))
            self._first_events.append(StationEvent("bus_lost", None, f"{self._name}: {down}", self._wall.now_ms()))
        await pause(REOPEN_S[min(self._failed_opens, len(REOPEN_S) - 1)], stop)
        self._failed_opens += 1
        self._beat()

    @property
    def _first_events(self) -> list[StationEvent]:
        return self._mountings[0][0].channels.events
