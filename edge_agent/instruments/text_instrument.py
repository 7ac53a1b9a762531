"""Instruments that speak in printable characters: those that are asked, and those that send by themselves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Final, NamedTuple, Protocol, Self

from edge_agent.lines.endings import LINE, Ending, Fence, TextAnswer
from edge_agent.lines.instrument import Instrument, PlannedRequest
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.readings.misses import Garbled, NoAnswer
from edge_agent.readings.samples import Sample
from quantrac.config.stations import Device

MOST_LINES: Final = 64
MOST_MS: Final = 20_000
"""Lines heard, and how long, before a probe gives up waiting for the one that carries what it wants."""


class TextPart(NamedTuple):
    """A part of a sample: one message or measurement, and the signals in it."""

    command: str
    signals: tuple[str, ...]


class ListeningBus(Protocol):
    """The line as talkers need it."""

    def now_ms(self) -> int:
        """Return the wall clock."""
        ...

    def try_ms(self, timeout_ms: int) -> int:
        """Return the longest time that listening, or a failing request, can hold the line."""
        ...

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        """Return what comes unasked, such as the next line; raises Miss."""
        ...


class AskingBus(ListeningBus, Protocol):
    """The line as polled instruments need it."""

    async def ask(
        self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int = 0, fence: Fence | None = None
    ) -> TextAnswer:
        """Send a request and return its answer; raises Miss."""
        ...

    async def tell(self, request: bytes, turnaround_ms: int = 0) -> None:
        """Send what is not answered; raises LineDown."""
        ...

    def owed_ms(self, request: bytes) -> int:
        """Return for how long a late answer to a request (to one with a fence: of the fence) may still come."""
        ...


class AskedInstrument(Instrument):
    """Base of the instruments that answer requests: a device, its line, and the signals that the station wants."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__()
        self._bus = bus
        self._timeout_ms = device.timeout_ms
        self._turnaround_ms = device.profile.turnaround_ms
        self._wanted = device.wanted_signals()

    @property
    def try_ms(self) -> int:
        """Time of its line that a try needs at least, ms."""
        return self._bus.try_ms(self._timeout_ms)

    @abstractmethod
    def parts(self) -> Sequence[TextPart]:
        """Return the messages that a sample reads."""

    def requests(self) -> list[PlannedRequest]:
        """Return the messages that one sample asks for."""
        return [PlannedRequest(message.command, message.signals, None) for message in self.parts()]

    async def _ask(self, request: bytes, ending: Ending = LINE, fence: Fence | None = None) -> TextAnswer:
        return await self._bus.ask(request, ending, self._timeout_ms, self._turnaround_ms, fence)


class Talker(Instrument):
    """Base of the instruments that send by themselves. One read of it listens until all wanted signals have come."""

    def __init__(self, device: Device, bus: ListeningBus, ending: Ending) -> None:
        super().__init__()
        self.name = device.name
        self.ending = ending
        self.bus = bus
        self._timeout_ms = device.timeout_ms
        self._wanted = device.wanted_signals()

    @abstractmethod
    def hear(self, raw: bytes, t_ms: int) -> list[Sample]:
        """Return the samples in a line that came at `t_ms`, none if it is not ours; raises Garbled."""

    def listening_to(self, bus: ListeningBus) -> Self:
        """Return the same instrument on another bus."""
        other = copy(self)
        other.bus = bus
        return other

    @property
    def try_ms(self) -> int:
        """Longest time that a read takes."""
        return self.bus.try_ms(self._timeout_ms)

    def parts(self) -> Sequence[TextPart]:
        """Return all that it sends, as one part."""
        return (TextPart("listens", self._wanted),)

    def requests(self) -> list[PlannedRequest]:
        """Return that it is not asked."""
        return [PlannedRequest("sends by itself", self._wanted, None)]

    async def read(self, part: AnyPart) -> list[Sample]:
        """Listen until all wanted signals came, or no more lines do; raises NoAnswer if none came."""
        found: dict[str, Sample] = {}
        latest_ms = self.bus.now_ms() + max(MOST_MS, 2 * self._timeout_ms)
        for _ in range(MOST_LINES):
            try:
                raw = await self.bus.listen(self.ending, self._timeout_ms)
                found |= {sample.signal: sample for sample in self.hear(raw, self.bus.now_ms())}
            except Garbled:
                continue  # the first line is heard from its middle
            except NoAnswer:
                break
            if set(part.signals) <= found.keys() or self.bus.now_ms() >= latest_ms:
                break
        if not found:
            raise NoAnswer(f"{self.name}: no line of this instrument among those that came")
        return list(found.values())
