"""The talker reader: the one task that owns a line of instruments that send by themselves. Each line is a sample."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from edge_agent.acquiring.bus_owner import BusOwner, Mounting
from edge_agent.acquiring.schedule import LOST_AFTER
from edge_agent.acquiring.tasks import pause
from edge_agent.clocks.clock import WallClock
from edge_agent.instruments.text_instrument import Talker
from edge_agent.lines.serial_bus import SerialBus
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import Garbled, LineDown, NoAnswer
from quantrac.config.stations import Device

LISTEN_MS: Final = 500
"""At least so often it looks whether to stop, and who has been silent."""


class TalkerReader(BusOwner):
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
        """Prepare; `misses` counts damaged lines and silence, one for each sample that did not come."""
        super().__init__(name, bus, mountings, wall, misses, beat)
        self._line = bus
        self._talkers = [(m, m.instrument) for m in mountings if isinstance(m.instrument, Talker)]
        self._ending = self._talkers[0][1].ending
        self._heard_ms = dict.fromkeys(self._mountings, wall.now_ms())
        self._silences = dict.fromkeys(self._heard_ms, 0)
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
                    self._misses.note(self._name, down, self._wall.now_ms())
                    for mounting, _ in self._talkers:
                        mounting.did_not_come(mounting.device.wanted_signals(), f"the line {self._name} is away")
                    await pause(self._line_is_away(down), stop)
                    self._beat()
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
        mine = self._talkers[0][0].device
        return (mine.bus.line, self._ending) == (device.bus.line, talker.ending)

    async def _next_line(self) -> bytes | None:
        try:
            return await self._line.next_line(self._ending, LISTEN_MS)
        except Garbled as garbled:
            self._misses.note(self._name, garbled, self._wall.now_ms())
            return None

    def _take(self, raw: bytes) -> None:
        t_ms = self._wall.now_ms()
        for tap in self.taps:
            tap(raw)
        for mounting, talker in self._talkers:
            try:
                samples = talker.hear(raw, t_ms)
            except Garbled as garbled:
                self._note_miss(mounting, garbled)
                continue
            if samples:
                self._heard_ms[mounting.device.name], self._silences[mounting.device.name] = t_ms, 0
                self._note_lost(mounting, False, t_ms)
                mounting.take(samples)
                mounting.channels.close(t_ms)

    def _note_silence(self) -> None:
        """Count each sample that did not come in its time; after some of them in a row a device is lost."""
        now_ms = self._wall.now_ms()
        for mounting, _ in self._talkers:
            name, period_ms = mounting.device.name, max(mounting.device.sample_ms, mounting.device.timeout_ms)
            self._heard_ms[name] = min(self._heard_ms[name], now_ms)  # the clock was set back
            if now_ms - self._heard_ms[name] < period_ms * (self._silences[name] + 1):
                continue
            self._silences[name] += 1
            silent = NoAnswer(f"nothing heard for {(now_ms - self._heard_ms[name]) / 1000:.0f} s")
            self._note_miss(mounting, silent)
            mounting.did_not_come(mounting.device.wanted_signals(), str(silent))
            if self._silences[name] >= LOST_AFTER:
                self._note_lost(mounting, True, now_ms)
