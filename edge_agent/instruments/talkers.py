"""Talkers: each line that they send is a sample of the signals in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from typing import Final, Protocol, Self

from edge_agent.instruments import text_lines, vaisala
from edge_agent.instruments.serial_instruments import TextPart
from edge_agent.lines.endings import LINE, Ending
from edge_agent.lines.instrument import Note, PlannedRequest, Unsuitable
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.readings.misses import Garbled, NoAnswer
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, Sample, measured
from quantrac.config.lines import LineProfile
from quantrac.config.serial import VaisalaProfile
from quantrac.config.stations import Device
from quantrac.telemetry.states import State

MOST_LINES: Final = 64
"""Lines heard before a probe gives up waiting for the one that carries what it wants."""


class ListeningBus(Protocol):
    """What talkers need of their line."""

    def now_ms(self) -> int:
        """Return the wall clock."""
        ...

    def try_ms(self, timeout_ms: int) -> int:
        """Return the longest time that listening can take."""
        ...

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        """Return the next line; raises Miss."""
        ...


class Talker(ABC):
    """What the two kinds have in common. As an instrument it can be probed: it is read by listening."""

    def __init__(self, device: Device, bus: ListeningBus, ending: Ending) -> None:
        self.notes: list[Note] = []
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
        """Listen until all wanted signals came; raises NoAnswer."""
        found: dict[str, Sample] = {}
        for _ in range(MOST_LINES):
            try:
                raw = await self.bus.listen(self.ending, self._timeout_ms)
                found |= {sample.signal: sample for sample in self.hear(raw, self.bus.now_ms())}
            except Garbled:
                continue  # the first line is heard from its middle
            if set(part.signals) <= found.keys():
                break
        if not found:
            raise NoAnswer(f"{self.name}: no line of this instrument among {MOST_LINES}")
        return list(found.values())

    async def wake(self) -> int:
        """It never sleeps."""
        return 0

    async def probe(self) -> None:  # noqa: B027 (there is nothing to ask, and that is the whole of it)
        """Listening is as cheap as anything."""


class LineTalker(Talker):
    """An instrument that sends lines of fields: NMEA 0183, Gill, or its own."""

    def __init__(self, device: Device, bus: ListeningBus) -> None:
        if not isinstance(device.profile, LineProfile) or isinstance(device.address, int):
            raise Unsuitable(f"{device.name}: expected a profile of lines, and letters or no address")
        super().__init__(device, bus, Ending(device.profile.end))
        self._profile: LineProfile = device.profile
        self._address: str | None = device.address
        self._heads = {s.line for signal in self._profile.signals.values() for s in signal.status if s.line is not None}
        self._newest: dict[str, text_lines.TextLine] = {}

    def hear(self, raw: bytes, t_ms: int) -> list[Sample]:
        """Return the samples in a line, none if it is of another talker; raises Garbled."""
        if not raw.strip():
            return []
        line = text_lines.parse(raw, self._profile)
        for head in self._heads:
            if text_lines.is_headed(line, head, self._profile, self._address):
                self._newest[head] = line
        carried = [name for name in self._wanted if self._carries(line, name)]
        if carried and self._profile.stamp is not None:
            t_ms = text_lines.stamped_ms(line, self._profile.stamp)
        return [Sample(name, t_ms, *self._measured(line, name)) for name in carried]

    def _carries(self, line: text_lines.TextLine, name: str) -> bool:
        """Return whether a line carries a signal, and all that says how the signal is has been heard at least once."""
        signal = self._profile.signals[name]
        known = all(status.line is None or status.line in self._newest for status in signal.status)
        return known and text_lines.carries(line, signal, self._profile, self._address)

    def _measured(self, line: text_lines.TextLine, name: str) -> Measured:
        return text_lines.decode(line, self._profile.signals[name], self._profile, self._newest)


class VaisalaTalker(Talker):
    """A Vaisala WXT or WMT in automatic mode."""

    def __init__(self, device: Device, bus: ListeningBus) -> None:
        if not isinstance(device.profile, VaisalaProfile) or not isinstance(device.address, str):
            raise Unsuitable(f'{device.name}: expected a Vaisala profile and an address such as "0"')
        super().__init__(device, bus, LINE)
        self._profile: VaisalaProfile = device.profile
        self._address: str = device.address

    def hear(self, raw: bytes, t_ms: int) -> list[Sample]:
        """Return the samples in a message, none if it is of another transmitter; raises Garbled."""
        message = vaisala.message_of(raw, self._address, checked=self._profile.crc)
        if message is None:
            return []
        fields = vaisala.parse(raw, self._address, message)
        signals = self._profile.signals
        return [
            Sample(name, t_ms, *_measured(signals[name].letter, fields[signals[name].key], self._profile, name))
            for name in self._wanted
            if signals[name].key in fields
        ]


def _measured(letter: str, field: vaisala.VaisalaField, profile: VaisalaProfile, name: str) -> Measured:
    if not field.is_valid or field.unit.upper() != letter.upper():
        return NO_MEASUREMENT
    return measured(profile.signals[name], field.value, State.OK)
