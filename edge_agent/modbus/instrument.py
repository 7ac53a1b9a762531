"""A Modbus instrument: turns its profile into requests, and their answers into samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from edge_agent.lines.instrument import Instrument, Note, PlannedRequest, Unsuitable
from edge_agent.lines.instrument import Part as AnyPart
from edge_agent.modbus.bus import ModbusBus, Timing
from edge_agent.modbus.frames import REQUEST_BYTES, Request, WriteRequest
from edge_agent.modbus.request_plan import RegisterPart, RegisterSpan, gap_budget, parts, plan
from edge_agent.modbus.signals import SampledRegisters, decode, directory_spans, listed_codes, locate, spans
from edge_agent.readings.misses import RequestRefused
from edge_agent.readings.samples import NO_MEASUREMENT, Measured, Sample
from quantrac.config.modbus import ModbusProfile
from quantrac.config.stations import Device
from quantrac.telemetry.states import State

ILLEGAL_ADDRESS: Final = 2
BUSY: Final = 6
ANSWER_MS: Final = 25.0
"""Usual time from request to answer, for the price of one more request."""


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
        self.registers: dict[str, tuple[int, ...]] = {}
        """The words that the newest value of each signal was made of."""

    @property
    def try_ms(self) -> int:
        """Time of its line that a try needs at least, ms."""
        return self._bus.try_ms(self._unit, self._timing)

    def parts(self) -> Sequence[RegisterPart]:
        """Return what one sample reads; first of all the list of what is plugged in, where the device has one."""
        if self._parts is None:
            self._parts = self._plan()
        return self._parts

    def requests(self) -> list[PlannedRequest]:
        """Return the requests that one sample sends; of a device with a directory, those known so far."""
        return [
            PlannedRequest(
                f"{block.function.value:02d} {block.function.name.lower()} {block.at}+{block.count}",
                part.signals,
                REQUEST_BYTES + Request(self._unit, block).reply_length,
            )
            for part in self.parts()
            for block in part.blocks
        ]

    async def read(self, part: AnyPart) -> list[Sample]:
        """Read one part, state and value of each of its signals; raises Miss."""
        assert isinstance(part, RegisterPart)
        if directory_spans(self._profile) and (not self.codes or part not in self.parts()):
            return await self._read_listed(part)
        sampled, sent = SampledRegisters(), dict[RegisterSpan, int]()
        for block in part.blocks:
            try:
                answer = await self._bus.read(self._unit, block, self._timing)
            except RequestRefused as refusal:
                return self._refused(part, refusal)
            sampled.put(block, answer.words)
            sent[block] = answer.sent_ms
        if self._relisted(sampled):
            return [Sample(name, max(sent.values()), *NO_MEASUREMENT) for name in part.signals]
        return list(self._samples(part, sampled, sent))

    async def wake(self) -> int:
        """Send what wakes the instrument, and return how many ms it needs then; 0 if it never sleeps."""
        wake = self._profile.wake
        if wake is None:
            return 0
        await self._bus.send_raw(wake.send)
        return wake.wait_ms

    async def wipe(self) -> None:
        """Start the wiper; raises Miss, Unsuitable. Not repeated: what was not answered may have been done."""
        wipe = self._profile.wipe
        if wipe is None:
            raise Unsuitable(f"profile {self._profile.device} declares no register that starts a wiper")
        at = self._profile.wire(wipe.at)
        await self._bus.write(WriteRequest(self._unit, wipe.write == "coil", at, wipe.value), self._timing)

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
        needs = {}
        for name in self._signals:
            fields = locate(self._profile, self._profile.signals[name], self.codes)
            needs[name] = list(spans(fields)) if fields else [directory] if directory else []
        return parts(needs, self._max_gap, self._profile.max_registers)

    async def _read_listed(self, part: RegisterPart) -> list[Sample]:
        """Learn what is plugged in if that is not known, then read it."""
        if not self.codes:
            sampled = SampledRegisters()
            for block in part.blocks:
                sampled.put(block, (await self._bus.read(self._unit, block, self._timing)).words)
            self.codes, self._parts = listed_codes(sampled, self._profile), None
        if not self.codes:
            return [Sample(name, self._bus.now_ms(), *NO_MEASUREMENT) for name in part.signals]
        return [sample for found in self.parts() for sample in await self.read(found)]

    def _relisted(self, sampled: SampledRegisters) -> bool:
        """Return whether the list of what is plugged in has changed; then it is read again before the next sample."""
        listed = listed_codes(sampled, self._profile)
        if listed == self.codes[: len(listed)]:
            return False
        self.notes.append(Note("probe_change", f"parameter codes {list(self.codes)} became {list(listed)}"))
        self.codes, self._parts = (), None
        return True

    def _samples(
        self, part: RegisterPart, sampled: SampledRegisters, sent: dict[RegisterSpan, int]
    ) -> Iterable[Sample]:
        for name in part.signals:
            fields = locate(self._profile, self._profile.signals[name], self.codes)
            at = [t for block, t in sent.items() if fields is None or block.covers(fields.value)]
            self.registers[name] = tuple(sampled.get(fields.value) or ()) if fields else ()
            measured: Measured = decode(self._profile, name, sampled, at[0]) or NO_MEASUREMENT
            yield Sample(name, at[0], measured.value, measured.state)

    def _refused(self, part: RegisterPart, refusal: RequestRefused) -> list[Sample]:
        """An exception: the unit lives. Busy passes; an address it does not have is no longer read across."""
        if refusal.code == ILLEGAL_ADDRESS and self._max_gap > 0:
            self._max_gap, self._parts = 0, None
            self.notes.append(Note("gaps_refused", f"{refusal}: only the wanted registers are read from now on"))
        state = State.WARMUP if refusal.code == BUSY else State.FAULT
        now_ms = self._bus.now_ms()
        return [Sample(name, now_ms, None, state) for name in part.signals]
