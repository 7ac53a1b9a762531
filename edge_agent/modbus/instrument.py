"""A Modbus instrument: turns its profile into requests, and their answers into samples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from edge_agent.lines.instrument import Instrument, Note, PlannedRequest, Unsuitable
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.modbus.ascii_frames import ascii_length
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.codec import encode
from edge_agent.modbus.frames import REQUEST_BYTES, WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS, Request, WriteRequest
from edge_agent.modbus.refused_spans import DIVIDED, RefusedSpans, divided
from edge_agent.modbus.request_plan import RegisterPart, RegisterSpan, gap_budget, parts, plan
from edge_agent.modbus.signals import SampledRegisters, decode, directory_spans, listed_codes, locate, spans
from edge_agent.readings.misses import RequestRefused
from edge_agent.readings.samples import NO_MEASUREMENT, Sample
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Device
from quantrac.telemetry.states import State

BUSY: Final = 6
ANSWER_MS: Final = 25.0
"""Usual time from request to answer, for the price of one more request."""


CHANGED: Final = NO_MEASUREMENT._replace(why="what is plugged in has changed")


class _Gathered(NamedTuple):
    """What was read, and when each block was asked for."""

    sampled: SampledRegisters
    sent: dict[RegisterSpan, int]


class ModbusInstrument(Instrument):
    """Reads the signals that a station wants of one unit."""

    def __init__(self, device: Device, bus: ModbusBus) -> None:
        super().__init__()
        if not isinstance(device.profile, ModbusProfile) or not isinstance(device.address, int):
            raise Unsuitable(f"{device.name}: a Modbus bus needs a Modbus profile and a unit number")
        self._profile: ModbusProfile = device.profile
        self._unit: int = device.address
        self._bus = bus
        self._timing = Timing(device.timeout_ms, device.profile.turnaround_ms, device.sample_ms)
        self._signals = device.wanted_signals()
        line = device.bus.line
        budget = gap_budget(line.baud if line else None, ANSWER_MS, line.bits_per_byte if line else 10)
        self._max_gap = min(self._profile.max_gap, budget)
        self.codes: tuple[int, ...] = ()
        """What the device's directory lists, as far as it has been read."""
        self._parts: list[RegisterPart] | None = None
        self._stale = False
        """Whether the next sample is planned anew."""
        self._refused = RefusedSpans()
        self.registers: dict[str, tuple[int, ...]] = {}
        """The words that the newest value of each signal was made of."""

    @property
    def try_ms(self) -> int:
        """Time of its line that a try needs at least, ms."""
        return self._bus.try_ms(self._unit, self._timing)

    def parts(self) -> Sequence[RegisterPart]:
        """Return what one sample reads; first of all the list of what is plugged in, where the device has one."""
        if self._parts is None or self._stale:
            self._parts, self._stale = self._plan(), False
        return self._parts

    def requests(self) -> list[PlannedRequest]:
        """Return the requests that one sample sends; of a device with a directory, those known so far."""
        return [
            PlannedRequest(
                f"{block.function.value:02d} {block.function.name.lower()} {block.at}+{block.count}",
                part.signals,
                self._on_the_wire(REQUEST_BYTES) + self._on_the_wire(Request(self._unit, block).reply_length),
            )
            for part in self.parts()
            for block in part.blocks
        ]

    def _on_the_wire(self, rtu_bytes: int) -> int:
        """Return how many bytes a frame takes on this bus."""
        return ascii_length(rtu_bytes) if self._bus.kind == "modbus-ascii" else rtu_bytes

    async def read(self, part: AnyPart) -> list[Sample]:
        """Read one part, state and value of each of its signals; raises Miss."""
        assert isinstance(part, RegisterPart)
        if directory_spans(self._profile) and (not self.codes or part not in (self._parts or ())):
            return await self._read_listed(part)
        into = _Gathered(SampledRegisters(), {})
        wanted, before = [span for name in part.signals for span in self._needs(name)], {*self._refused.absent}
        try:
            for block in part.blocks:
                await self._gather(block, wanted, into)
        except RequestRefused as refusal:
            state = State.WARMUP if refusal.code == BUSY else State.FAULT
            return [Sample(name, self._bus.now_ms(), None, state, str(refusal)) for name in part.signals]
        self._learn(before, into.sent)
        if self._relisted(into.sampled):
            return [Sample(name, self._bus.now_ms(), *CHANGED) for name in part.signals]
        return list(self._samples(part, into))

    def forget(self) -> None:
        """Forget what the unit refused."""
        self._refused, self._stale = RefusedSpans(), True

    async def wake(self) -> int:
        """Send what wakes the instrument, and return how many ms it needs then; 0 if it never sleeps."""
        wake = self._profile.wake
        if wake is None:
            return 0
        await self._bus.send_raw(wake.send)
        return wake.wait_ms

    async def act(self, name: str, value: float | None) -> None:
        """Write what an action says; raises Miss, Unsuitable. Not repeated: without an answer it may have been done."""
        action = self._profile.actions.get(name)
        if action is None or action.refusal(value):
            raise Unsuitable(f"profile {self._profile.device} declares no action {name} with such a value")
        words = encode(action.number(value), action.type, action.order)
        code = WRITE_REGISTERS if action.multiple or len(words) > 1 else WRITE_REGISTER
        at = self._profile.wire(action.at)
        if action.write == "coil":
            code = WRITE_COIL
        await self._bus.write(WriteRequest(self._unit, code, at, words), self._timing)

    async def probe(self) -> None:
        """Ask for the first register; raises Miss if nothing answers."""
        first = self.parts()[0].blocks[0]
        try:
            await self._bus.read(self._unit, RegisterSpan(first.function, first.at, 1), self._timing)
        except RequestRefused:
            return

    def _plan(self) -> list[RegisterPart]:
        directory = directory_spans(self._profile)
        if directory and not self.codes:
            return [RegisterPart(tuple(plan([directory], 0, self._profile.max_registers)), tuple(self._signals))]
        needs = {name: self._needs(name) for name in self._signals}
        lost = [name for name, spans in needs.items() if self._refused.why(spans)]
        given = {name: spans for name, spans in needs.items() if name not in lost}
        planned = parts(given, self._max_gap, self._profile.max_registers, self._refused.cuts)
        if lost:
            planned.append(RegisterPart((next(iter(self._refused.absent)),), tuple(lost)))
        return planned

    def _needs(self, name: str) -> list[RegisterSpan]:
        """Return what must be read for a signal."""
        if (fields := locate(self._profile, self._profile.signals[name], self.codes)) is not None:
            return list(spans(fields))
        directory = directory_spans(self._profile)
        return [directory] if directory else []

    async def _gather(self, block: RegisterSpan, wanted: Sequence[RegisterSpan], into: _Gathered) -> bool:
        """Read a block, of one that is refused its pieces; return whether it came as one. Raises Miss."""
        try:
            answer = await self._bus.read(self._unit, block, self._timing)
        except RequestRefused as refusal:
            self.refusals.append(refusal)
            if refusal.code not in DIVIDED:
                raise
            self._stale = True
            pieces = [] if block in self._refused.absent else divided(block, wanted)
            came = [await self._gather(piece, wanted, into) for piece in pieces]
            if block in wanted:
                self._refused.note_absent(block, str(refusal))
            elif pieces and all(came):
                self._refused.note_cut(pieces[1])
            return False
        into.sampled.put(block, answer.words)
        into.sent[block] = answer.sent_ms
        return True

    def _learn(self, before: Collection[RegisterSpan], sent: Collection[RegisterSpan]) -> None:
        """Say what has turned out to be absent; if something has come of what was, forget all refusals."""
        if any(span in sent for span in before):
            self._refused, self._stale = RefusedSpans(), True
        elif new := [why for span, why in self._refused.absent.items() if span not in before]:
            self.notes.append(Note("registers_refused", f"{'; '.join(new)}; the others are read without"))

    async def _read_listed(self, part: RegisterPart) -> list[Sample]:
        """Learn what is plugged in if that is not known, then read it."""
        if not self.codes:
            sampled = SampledRegisters()
            for block in part.blocks:
                sampled.put(block, (await self._bus.read(self._unit, block, self._timing)).words)
            self.codes, self._parts = listed_codes(sampled, self._profile), None
        if not self.codes:
            nothing = NO_MEASUREMENT._replace(why="lists nothing that is plugged in")
            return [Sample(name, self._bus.now_ms(), *nothing) for name in part.signals]
        return [sample for found in self.parts() for sample in await self.read(found)]

    def _relisted(self, sampled: SampledRegisters) -> bool:
        """Return whether the list of what is plugged in has changed; then it is read again before the next sample."""
        listed = listed_codes(sampled, self._profile)
        if listed == self.codes[: len(listed)]:
            return False
        self.notes.append(Note("probe_change", f"parameter codes {list(self.codes)} became {list(listed)}"))
        self.codes, self._parts, self._refused = (), None, RefusedSpans()
        return True

    def _samples(self, part: RegisterPart, found: _Gathered) -> Iterable[Sample]:
        for name in part.signals:
            fields = locate(self._profile, self._profile.signals[name], self.codes)
            at = [t for block, t in found.sent.items() if fields is None or block.covers(fields.value)]
            at_ms = at[0] if at else self._bus.now_ms()
            self.registers[name] = tuple(found.sampled.get(fields.value) or ()) if fields else ()
            why = self._refused.why(self._needs(name)) or ""
            measured = decode(self._profile, name, found.sampled, at_ms) or NO_MEASUREMENT._replace(why=why)
            yield Sample(name, at_ms, *measured)
