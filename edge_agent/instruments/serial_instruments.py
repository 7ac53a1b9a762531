"""Instruments with text protocols: thin conversations over the pure codecs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from edge_agent.instruments import bayern_hessen, text_lines, vaisala
from edge_agent.lines.endings import LINE, Ending, Fence, bare
from edge_agent.lines.instrument import (
    Note,
    PlannedRequest,
    Unsuitable,
)
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.lines.serial_bus import TextAnswer
from edge_agent.readings.misses import Garbled
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, Sample, measured
from quantrac.config.lines import LineProfile
from quantrac.config.serial import BayernHessenProfile, BayernHessenSignal, VaisalaProfile, VaisalaSignal
from quantrac.config.stations import Device
from quantrac.telemetry.states import State, worst


class AskingBus(Protocol):
    """What these instruments need of their line."""

    def try_ms(self, timeout_ms: int) -> int:
        """Return the longest time that a failing request can hold the line."""
        ...

    async def ask(
        self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int = 0, fence: Fence | None = None
    ) -> TextAnswer:
        """Send a request and return its answer; raises Miss."""
        ...

    def owed_ms(self, request: bytes) -> int:
        """Return for how long a late answer to a request (to one with a fence: of the fence) may still come."""
        ...

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        """Return what comes unasked; raises Miss."""
        ...


class TextPart(NamedTuple):
    """A part of a sample: one message or measurement, and the signals in it."""

    command: str
    signals: tuple[str, ...]


class SerialInstrument(ABC):
    """What the three have in common: a device, its line, and the signals that the station wants."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        self.notes: list[Note] = []
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

    async def wake(self) -> int:
        """None of them sleeps longer than a request takes to wake it."""
        return 0

    async def _ask(self, request: bytes, ending: Ending = LINE, fence: Fence | None = None) -> TextAnswer:
        return await self._bus.ask(request, ending, self._timeout_ms, self._turnaround_ms, fence)


class VaisalaTransmitter(SerialInstrument):
    """A Vaisala WXT or WMT in polled ASCII mode."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, VaisalaProfile) or not isinstance(device.address, str):
            raise Unsuitable(f'{device.name}: an ascii bus needs a Vaisala profile and an address such as "0"')
        self._profile: VaisalaProfile = device.profile
        self._address: str = device.address
        self._message = device.profile.poll.lower() if device.profile.crc else device.profile.poll
        self._ending = LINE._replace(head=self._address.encode("ascii"))
        self._fence = Fence(self._address.encode("ascii") + b"\r\n", bare(self._address))

    def parts(self) -> Sequence[TextPart]:
        """Return the one message that a sample reads."""
        return (TextPart(self._message, self._wanted),)

    async def read(self, part: AnyPart) -> list[Sample]:
        """Poll the message; raises Miss."""
        sent_ms, raw = await self._ask(vaisala.request(self._address, self._message), self._ending, self._fence)
        fields = vaisala.parse(raw, self._address, self._message)
        return [Sample(name, sent_ms, *self._measured(name, fields)) for name in part.signals]

    async def probe(self) -> None:
        """A poll is as cheap as anything."""

    def _measured(self, name: str, fields: dict[str, vaisala.VaisalaField]) -> Measured:
        signal: VaisalaSignal = self._profile.signals[name]
        field = fields.get(signal.key)
        if field is None or not field.is_valid or field.unit.upper() != signal.letter:
            return NO_MEASUREMENT
        return measured(signal, field.value, State.OK)


class BayernHessenAnalyser(SerialInstrument):
    """An analyser or dust monitor that answers DA with MD."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, BayernHessenProfile) or isinstance(device.address, str):
            raise Unsuitable(f"{device.name}: a bayern-hessen bus needs such a profile, and a number or no address")
        self._profile: BayernHessenProfile = device.profile
        self._request = bayern_hessen.request(device.address, checked=device.profile.checksum)
        mark, more = (bayern_hessen.ETX, 2) if device.profile.checksum else (bayern_hessen.CR, 0)
        self._ending = Ending(mark, more, bayern_hessen.STX + b"MD")

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked: nothing tells a late answer from the next one."""
        return self._bus.owed_ms(self._request)

    def parts(self) -> Sequence[TextPart]:
        """Return the one message that a sample reads."""
        return (TextPart("DA", self._wanted),)

    async def read(self, part: AnyPart) -> list[Sample]:
        """Ask for all values; raises Miss."""
        sent_ms, raw = await self._ask(self._request, self._ending)
        blocks = bayern_hessen.parse_measurements(bayern_hessen.unframe(raw))
        return [Sample(name, sent_ms, *self._measured(name, blocks)) for name in part.signals]

    async def probe(self) -> None:
        """A poll is as cheap as anything."""

    def _measured(self, name: str, blocks: Sequence[bayern_hessen.Measurement]) -> Measured:
        signal = self._profile.signals[name]
        block = _block_of(signal, blocks)
        if block is None:
            return NO_MEASUREMENT
        tables = ((self._profile.status, block.status), (self._profile.error, block.error))
        state = worst(self._profile.states[table].state_of(byte) for table, byte in tables if table is not None)
        return measured(signal, block.value, state)


def _block_of(
    signal: BayernHessenSignal, blocks: Sequence[bayern_hessen.Measurement]
) -> bayern_hessen.Measurement | None:
    if signal.block is not None:
        return blocks[signal.block - 1] if signal.block <= len(blocks) else None
    return next((block for block in blocks if block.address == signal.id), None)


class PolledLines(SerialInstrument):
    """An instrument that answers a conversation with lines of fields."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, LineProfile):
            raise Unsuitable(f"{device.name}: expected a profile of lines")
        self._profile: LineProfile = device.profile

    @property
    def owed_ms(self) -> int:
        """For how long it is better not asked: nothing tells a late answer from the next one."""
        return max(self._bus.owed_ms(step.send) for step in self._profile.ask)

    def parts(self) -> Sequence[TextPart]:
        """Return the one conversation that a sample takes."""
        return (
            TextPart(" ".join(step.send.decode("latin-1").strip() or "…" for step in self._profile.ask), self._wanted),
        )

    async def read(self, part: AnyPart) -> list[Sample]:
        """Hold the conversation and take the newest line of each signal; raises Miss."""
        heard, first_ms = b"", 0
        for step in self._profile.ask:
            if step.send:
                answer = await self._ask(step.send, Ending(step.until))
                first_ms, heard = first_ms or answer.sent_ms, heard + answer.raw
            else:
                heard += await self._bus.listen(Ending(step.until), self._timeout_ms)
        lines = self._lines(heard)
        return [self._sample(name, lines, first_ms) for name in part.signals]

    async def probe(self) -> None:
        """A conversation is as cheap as anything."""

    def _lines(self, heard: bytes) -> list[text_lines.TextLine]:
        """Return what can be read as lines; prompts and menus cannot. Raises Garbled if nothing can."""
        lines, why = [], None
        for raw in filter(bytes.strip, heard.splitlines()):
            try:
                lines.append(text_lines.parse(raw, self._profile))
            except Garbled as garbled:
                why = garbled
        if why is not None and not lines:
            raise why
        return lines

    def _sample(self, name: str, lines: Sequence[text_lines.TextLine], sent_ms: int) -> Sample:
        signal, stamp = self._profile.signals[name], self._profile.stamp
        line = text_lines.newest(lines, signal, self._profile, None)
        if line is None:
            return Sample(name, sent_ms, *NO_MEASUREMENT)
        t_ms = sent_ms if stamp is None else text_lines.stamped_ms(line, stamp)
        return Sample(name, t_ms, *text_lines.decode(line, signal, self._profile, {}))
