"""Instruments that are asked in printable characters: thin conversations over the pure codecs."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from edge_agent.acquiring.misses import Garbled, NoAnswer, Refused
from edge_agent.instruments import bayern_hessen, sdi12, text_lines, vaisala
from edge_agent.instruments.instrument import (
    Note,
    PlannedRequest,
    Unsuitable,
)
from edge_agent.instruments.instrument import Part as AnyPart
from edge_agent.instruments.samples import NO_MEASUREMENT, Measured, Sample, measured
from edge_agent.lines.serial_bus import LINE, Ending, TextAnswer
from quantrac.config.devices import (
    BayernHessenProfile,
    BayernHessenSignal,
    LineProfile,
    Sdi12Profile,
    Sdi12Signal,
    VaisalaProfile,
    VaisalaSignal,
)
from quantrac.config.stations import Device
from quantrac.telemetry.states import State, worst

SERVICE_REQUEST_SLACK_S: Final = 1.0
MOST_DATA_COMMANDS: Final = 10


class AskingBus(Protocol):
    """What these instruments need of their line."""

    def worst_ms(self, timeout_ms: int) -> int:
        """Return the longest time that a failing request can hold the line."""
        ...

    async def ask(self, request: bytes, ending: Ending, timeout_ms: int, turnaround_ms: int = 0) -> TextAnswer:
        """Send a request and return its answer; raises Miss."""
        ...

    async def listen(self, ending: Ending, timeout_ms: int) -> bytes:
        """Return what comes unasked; raises Miss."""
        ...


class Message(NamedTuple):
    """A part of a sample: one message or measurement, and the signals in it."""

    command: str
    signals: tuple[str, ...]


class _SerialInstrument(ABC):
    """What the three have in common: a device, its line, and the signals that the station wants."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        self.notes: list[Note] = []
        self._bus = bus
        self._timeout_ms = device.timeout_ms
        self._turnaround_ms = device.profile.turnaround_ms
        self._wanted = device.wanted_signals()

    @property
    def worst_ms(self) -> int:
        """Longest time that a failing read can hold the line."""
        return self._bus.worst_ms(self._timeout_ms)

    @abstractmethod
    def parts(self) -> Sequence[Message]:
        """Return the messages that a sample reads."""

    def requests(self) -> list[PlannedRequest]:
        """Return the messages that one sample asks for."""
        return [PlannedRequest(message.command, message.signals, None) for message in self.parts()]

    async def wake(self) -> int:
        """None of them sleeps longer than a request takes to wake it."""
        return 0

    async def _ask(self, request: bytes, ending: Ending = LINE) -> TextAnswer:
        return await self._bus.ask(request, ending, self._timeout_ms, self._turnaround_ms)


class VaisalaTransmitter(_SerialInstrument):
    """A Vaisala WXT or WMT in polled ASCII mode."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, VaisalaProfile) or not isinstance(device.address, str):
            raise Unsuitable(f'{device.name}: an ascii bus needs a Vaisala profile and an address such as "0"')
        self._profile: VaisalaProfile = device.profile
        self._address: str = device.address
        self._message = device.profile.poll.lower() if device.profile.crc else device.profile.poll

    def parts(self) -> Sequence[Message]:
        """Return the one message that a sample reads."""
        return (Message(self._message, self._wanted),)

    async def read(self, part: AnyPart) -> list[Sample]:
        """Poll the message; raises Miss."""
        sent_ms, raw = await self._ask(vaisala.request(self._address, self._message))
        fields = vaisala.parse(raw, self._address, self._message)
        return [Sample(name, sent_ms, *self._measured(name, fields)) for name in part.signals]

    async def probe(self) -> None:
        """A poll is as cheap as anything."""

    def _measured(self, name: str, fields: dict[str, vaisala.Field]) -> Measured:
        signal: VaisalaSignal = self._profile.signals[name]
        field = fields.get(signal.key)
        if field is None or not field.is_valid or field.unit.upper() != signal.letter:
            return NO_MEASUREMENT
        return measured(signal, field.value, State.OK)


class BayernHessenAnalyser(_SerialInstrument):
    """An analyser or dust monitor that answers DA with MD."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, BayernHessenProfile) or isinstance(device.address, str):
            raise Unsuitable(f"{device.name}: a bayern-hessen bus needs such a profile, and a number or no address")
        self._profile: BayernHessenProfile = device.profile
        self._request = bayern_hessen.request(device.address, checked=device.profile.checksum)
        self._ending = Ending(bayern_hessen.ETX, 2) if device.profile.checksum else Ending(bayern_hessen.CR)

    def parts(self) -> Sequence[Message]:
        """Return the one message that a sample reads."""
        return (Message("DA", self._wanted),)

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


class PolledLines(_SerialInstrument):
    """An instrument that answers a conversation with lines of fields."""

    def __init__(self, device: Device, bus: AskingBus) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, LineProfile):
            raise Unsuitable(f"{device.name}: expected a profile of lines")
        self._profile: LineProfile = device.profile

    def parts(self) -> Sequence[Message]:
        """Return the one conversation that a sample takes."""
        return (
            Message(" ".join(step.send.decode("latin-1").strip() or "…" for step in self._profile.ask), self._wanted),
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

    def _lines(self, heard: bytes) -> list[text_lines.Line]:
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

    def _sample(self, name: str, lines: Sequence[text_lines.Line], sent_ms: int) -> Sample:
        signal, stamp = self._profile.signals[name], self._profile.stamp
        line = text_lines.newest(lines, signal, self._profile, None)
        if line is None:
            return Sample(name, sent_ms, *NO_MEASUREMENT)
        t_ms = sent_ms if stamp is None else text_lines.stamped_ms(line, stamp)
        return Sample(name, t_ms, *text_lines.decode(line, signal, self._profile, {}))


class Sdi12Sensor(_SerialInstrument):
    """A sensor on an SDI-12 line behind a transparent adapter."""

    def __init__(self, device: Device, bus: AskingBus, now_ms: Callable[[], int]) -> None:
        super().__init__(device, bus)
        if not isinstance(device.profile, Sdi12Profile) or not isinstance(device.address, str):
            raise Unsuitable(f'{device.name}: an sdi-12 bus needs an SDI-12 profile and an address such as "0"')
        self._profile: Sdi12Profile = device.profile
        self._address: str = device.address
        self._now_ms = now_ms
        self._verified_ms: int | None = None
        self._verdict = State.OK

    def parts(self) -> Sequence[Message]:
        """Return the measurements that a sample takes."""
        kinds = dict.fromkeys(self._profile.signals[name].measure for name in self._wanted)
        return tuple(
            Message(kind, tuple(name for name in self._wanted if self._profile.signals[name].measure == kind))
            for kind in kinds
        )

    async def read(self, part: AnyPart) -> list[Sample]:
        """Let the sensor measure and fetch the values; raises Miss."""
        assert isinstance(part, Message)
        await self._verify()
        command = sdi12.measurement_command(self._address, part.command, crc=self._profile.crc)
        sent_ms, values = await self._measure(command, part.command[0])
        return [Sample(name, sent_ms, *self._measured(name, values)) for name in part.signals]

    async def probe(self) -> None:
        """Ask whether anybody has this address (`a!`); raises Miss."""
        answer = await self._command(f"{self._address}!")
        if answer[1] != self._address:
            raise Garbled(f"{self._address}! was answered by {answer[1]!r}")

    async def _verify(self) -> None:
        """Ask for the sensor's own verdict (`aV!`) when it is time again."""
        verify = self._profile.verify
        if verify is None or (self._verified_ms and self._now_ms() - self._verified_ms < verify.every_ms):
            return
        _, values = await self._measure(f"{self._address}V!", "M", crc=False)
        if len(values) < verify.value:
            raise Garbled(f"{self._address}V! gave {len(values)} values, expected {verify.value}")
        self._verdict = self._profile.states[verify.table].state_of(int(values[verify.value - 1]))
        self._verified_ms = self._now_ms()

    async def _measure(self, command: str, kind: str, *, crc: bool | None = None) -> tuple[int, list[float]]:
        """Return the values of a measurement and when their (first) data command was sent."""
        checked = self._profile.crc if crc is None else crc
        sent_ms, line = await self._command(command)
        if kind == "R":
            return sent_ms, sdi12.parse_data(line, self._address, crc=checked)
        announced = sdi12.parse_announcement(line, self._address)
        if announced.values == 0:
            raise Refused(f"{command} announces no values")
        await self._wait_until_ready(kind, announced.seconds)
        return await self._data(announced.values, crc=checked)

    async def _wait_until_ready(self, kind: str, seconds: int) -> None:
        """After `aM!` wait for the service request, or until its time has passed; after `aC!` just wait."""
        if kind == "C":
            await asyncio.sleep(seconds)
        elif seconds:
            try:
                await self._bus.listen(LINE, round((seconds + SERVICE_REQUEST_SLACK_S) * 1000))
            except NoAnswer:
                return

    async def _data(self, expected: int, *, crc: bool) -> tuple[int, list[float]]:
        first_ms, values = 0, list[float]()
        for number in range(MOST_DATA_COMMANDS):
            sent_ms, line = await self._command(f"{self._address}D{number}!")
            first_ms = first_ms or sent_ms
            got = sdi12.parse_data(line, self._address, crc=crc)
            values += got
            if not got or len(values) >= expected:
                break
        if not values:
            raise Refused(f"sensor {self._address} gave up its measurement")
        if len(values) != expected:
            raise Garbled(f"sensor {self._address} announced {expected} values and gave {len(values)}")
        return first_ms, values

    async def _command(self, command: str) -> tuple[int, str]:
        sent_ms, raw = await self._ask(command.encode("ascii"))
        line = raw.decode("latin-1").strip("\r\n\0\xff")
        return sent_ms, line.removeprefix(command)

    def _measured(self, name: str, values: Sequence[float]) -> Measured:
        signal = self._profile.signals[name]
        if signal.value > len(values):
            return NO_MEASUREMENT
        return measured(signal, values[signal.value - 1], worst((self._verdict, self._status(signal, values))))

    def _status(self, signal: Sdi12Signal, values: Sequence[float]) -> State:
        if signal.status is None:
            return State.OK
        if signal.status.value > len(values):
            return State.FAULT
        return self._profile.states[signal.status.table].state_of(int(values[signal.status.value - 1]))
