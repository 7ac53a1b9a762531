"""The bus reader: the one task that owns a bus takes the turns of its schedule, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from edge_agent.acquiring.bus_owner import BusOwner, Mounting
from edge_agent.acquiring.schedule import BusSchedule, Idle, ScheduledDevice, Turn, TurnOutcome
from edge_agent.acquiring.symptoms import BusWatch
from edge_agent.acquiring.tasks import pause
from edge_agent.clocks.clock import WallClock
from edge_agent.lines.instrument import Part
from edge_agent.lines.shared_bus import SharedBus
from edge_agent.readings.counts import MissCounts
from edge_agent.readings.misses import Garbled, LateAnswer, LineDown, Miss, NoAnswer, RequestRefused
from edge_agent.readings.records import StationEvent
from edge_agent.readings.samples import NO_MEASUREMENT, Sample
from quantrac.observe.metrics import counter

LONGEST_SLEEP_MS: Final = 1_000
"""A sleeping bus looks at the wall clock at least so often: it may have been set."""
QUARANTINE_MS: Final = 1_000
"""A silent instrument is not asked again sooner, or before a quarter of its interval: it may have been busy."""

TURNS = counter("quantrac_edge_turns_total", "Turns of instruments, by how they ended.", ["bus", "outcome"])
MISFIRES = counter("quantrac_edge_misfires_total", "Due times that passed because the bus was busy.", ["bus"])

log = structlog.get_logger()


class BusReader(BusOwner):
    """Reads the devices of one bus when they are due."""

    def __init__(
        self,
        name: str,
        bus: SharedBus,
        mountings: Sequence[Mounting],
        wall: WallClock,
        misses: MissCounts,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(name, bus, mountings, wall, misses, beat)
        self._watch = BusWatch(self._mountings)
        self._schedule = BusSchedule(
            [ScheduledDevice(m.device.name, m.device.sample_ms, m.instrument.try_ms) for m in mountings], wall.now_ms()
        )
        self._steps = wall.steps
        self._reopen_at = 0.0
        self.idle_until_ms = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set."""
        try:
            while not stop.is_set():
                now_ms = self._now_ms()
                self._revive_late(now_ms)
                turn = self._schedule.next(now_ms)
                if isinstance(turn, Idle):
                    self.idle_until_ms = turn.until_ms
                    await pause(min(turn.until_ms - now_ms, LONGEST_SLEEP_MS) / 1000, stop)
                else:
                    self.idle_until_ms = 0
                    async with self.turn:
                        await self._take(turn)
                self._beat()
        finally:
            self._bus.close()

    async def _take(self, turn: Turn) -> None:
        mounting = self._mountings[turn.device]
        slots, now_ms = mounting.channels.slots, self._now_ms()
        slots.begin(now_ms)
        self._bus.begin(turn.device, None if turn.free_by_ms is None else turn.free_by_ms - now_ms)
        try:
            outcome = await self._read(mounting, turn)
        finally:
            self._bus.end()
            slots.finish()
        now_ms = self._now_ms()
        awaited = outcome in (TurnOutcome.WAKING, TurnOutcome.MEASURING)
        quarantine_ms = mounting.ready_in_ms if awaited else min(QUARANTINE_MS, mounting.device.sample_ms // 4)
        self._schedule.report(turn, outcome, now_ms, quarantine_ms, mounting.instrument.owed_ms, mounting.part_ms)
        self._schedule.expect(turn.device, mounting.instrument.try_ms)
        TURNS.labels(self._name, outcome.name.lower()).inc()
        self._reopen_if_deaf(turn, outcome, now_ms)
        self._tell(mounting, now_ms)
        mounting.channels.close(now_ms)

    async def _read(self, mounting: Mounting, turn: Turn) -> TurnOutcome:
        """Read what a turn is for, part by part; what did not come stays in `left` for another try."""
        parts: Sequence[Part] = ()
        try:
            await self._open()
            if turn.probe and not turn.measuring:
                if await self._wake(mounting, turn):
                    return TurnOutcome.WAKING
                if not turn.came_late:
                    await mounting.instrument.probe()
            parts = self._wanted_parts(mounting, turn)
            missed = await self._read_parts(mounting, turn, parts)
        except LineDown as down:
            self._line_down(down)
            mounting.did_not_come(mounting.device.wanted_signals(), f"the line {self._name} is away")
            return TurnOutcome.LINE_DOWN
        except (Garbled, LateAnswer, NoAnswer) as miss:
            mounting.left = ()
            self._note_miss(mounting, miss)
            mounting.did_not_come(mounting.device.wanted_signals(), str(miss))
            return TurnOutcome.SILENT if isinstance(miss, NoAnswer) else TurnOutcome.GARBLED
        mounting.left = tuple(part for part in parts if part in missed)
        for part, why in () if mounting.ready_in_ms else missed.items():
            mounting.did_not_come(part.signals, str(why))
        if len(missed) < len(parts) and not mounting.unasked:
            mounting.lateness.read()
        if not missed:
            return TurnOutcome.CUT if mounting.unasked else TurnOutcome.READ
        if mounting.ready_in_ms:
            return TurnOutcome.MEASURING
        silent = len(missed) == len(parts) and all(isinstance(miss, NoAnswer) for miss in missed.values())
        return TurnOutcome.SILENT if silent else TurnOutcome.GARBLED

    def _wanted_parts(self, mounting: Mounting, turn: Turn) -> Sequence[Part]:
        """Return what a turn is for: the rest of its sweep, or all, from where there was no time in the last."""
        if turn.rest and turn.attempt == 1:
            return mounting.unasked
        if (turn.attempt > 1 or turn.measuring) and mounting.left:
            return mounting.left
        parts = mounting.instrument.parts()
        first = next((parts.index(part) for part in mounting.unasked if part in parts), 0)
        if mounting.unasked:
            self._note_slow(mounting, mounting.part_ms * len(parts))
        return [*parts[first:], *parts[:first]]

    async def _wake(self, mounting: Mounting, turn: Turn) -> bool:
        """Wake an instrument that may sleep; return whether it needs time now."""
        mounting.ready_in_ms = 0 if turn.woken else await mounting.instrument.wake()
        return mounting.ready_in_ms > 0

    async def _read_parts(self, mounting: Mounting, turn: Turn, parts: Sequence[Part]) -> dict[Part, Miss]:
        """Return the parts that did not come; after silence the others are not asked in this turn.

        Nor are they after another miss when a neighbour is due, and while one is being measured: then `ready_in_ms`
        says for how long.
        """
        missed: dict[Part, Miss] = {}
        mounting.ready_in_ms, mounting.unasked = 0, ()
        began_ms = self._now_ms()
        for place, part in enumerate(parts):
            if place:
                mounting.part_ms = (self._now_ms() - began_ms) // place
            if place and not missed and self._is_cut(turn, mounting.part_ms):
                mounting.unasked = parts[place:]
                break
            if missed and self._is_wanted(mounting, turn):
                missed.update(dict.fromkeys(parts[place:], next(iter(missed.values()))))
                break
            try:
                mounting.ready_in_ms = await mounting.instrument.begin(part)
                if mounting.ready_in_ms:
                    missed.update(dict.fromkeys(parts[place:], NoAnswer("is being measured")))
                    break
                samples = await mounting.instrument.read(part)
            except RequestRefused as refusal:
                mounting.instrument.refusals.append(refusal)
                nothing = NO_MEASUREMENT._replace(why=str(refusal))
                samples = [Sample(name, self._now_ms(), *nothing) for name in part.signals]
            except NoAnswer as miss:
                self._note_miss(mounting, miss)
                missed.update(dict.fromkeys(parts[place:], miss))
                break
            except (Garbled, LateAnswer) as miss:
                self._note_miss(mounting, miss)
                missed[part] = miss
                continue
            self._note_refusals(mounting)
            if self._wall.steps == self._steps:
                mounting.take(samples)
        return missed

    def _note_refusals(self, mounting: Mounting) -> None:
        for refusal in mounting.instrument.refusals:
            self._misses.note(mounting.device.name, refusal, self._now_ms())
            log.debug("instrument_refused", bus=self._name, device=mounting.device.name, why=str(refusal))
        mounting.instrument.refusals.clear()

    def _is_cut(self, turn: Turn, part_ms: int) -> bool:
        """Return whether a turn has to end before another part that takes as long as those before it."""
        return turn.cut_by_ms is not None and self._now_ms() + part_ms > turn.cut_by_ms

    def _is_wanted(self, mounting: Mounting, turn: Turn) -> bool:
        """Return whether a neighbour would be late for another request of this turn."""
        return turn.free_by_ms is not None and self._now_ms() + mounting.instrument.try_ms > turn.free_by_ms

    def _revive_late(self, now_ms: int) -> None:
        """End the rest of devices that answered too late; report one that always does."""
        for device in self._bus.heard_late() & self._mountings.keys():
            self._schedule.revive(device, now_ms)
            mounting, took_ms = self._mountings[device], self._bus.late_ms(device)
            self._misses.was_late(device)
            self._schedule.expect(device, mounting.instrument.try_ms)
            self._note_slow(mounting, took_ms)

    def _note_slow(self, mounting: Mounting, took_ms: int) -> None:
        if mounting.lateness.late(took_ms):
            name = mounting.device.name
            log.warning("device_slow", bus=self._name, device=name, took_ms=took_ms)
            mounting.channels.events.append(StationEvent("device_slow", name, mounting.lateness.advice, self._now_ms()))

    def _reopen_if_deaf(self, turn: Turn, outcome: TurnOutcome, now_ms: int) -> None:
        """Close a bus on which no device answers any more; the next turn opens it again, with every rest over."""
        if outcome in (TurnOutcome.LINE_DOWN, TurnOutcome.WAKING, TurnOutcome.MEASURING):
            return
        if self._watch.note(turn.device, heard=outcome is not TurnOutcome.SILENT):
            log.warning("bus_reopened", bus=self._name, why="not a byte from any device")
            self._record("bus_reopened", f"{self._name}: not a byte")
            self._bus.close()
            self._schedule.realign(now_ms)

    async def _open(self) -> None:
        """Open the bus, but not more often than `REOPEN_S` allows; raises LineDown."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._reopen_at:
            raise LineDown(self.away.why if self.away else "waiting to open it again")
        await self._bus.open()
        self._line_is_back()
        self._reopen_at = 0.0

    def _line_down(self, down: LineDown) -> None:
        self._misses.note(self._name, down, self._now_ms())
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._reopen_at:
            self._reopen_at = now_s + self._line_is_away(down)

    def _tell(self, mounting: Mounting, now_ms: int) -> None:
        """Make events of what instrument and line noticed, and of its being lost or back; count misfires."""
        name = mounting.device.name
        for note in self._bus.notes:
            log.warning("line_noticed", bus=self._name, what=note.kind, why=note.detail)
            self._record(note.kind, f"{self._name}: {note.detail}")
        self._bus.notes.clear()
        for note in mounting.instrument.notes:
            mounting.channels.events.append(StationEvent(note.kind, name, note.detail, now_ms))
        mounting.instrument.notes.clear()
        self._note_lost(mounting, self._schedule.is_lost(name), now_ms)
        for device, count in self._schedule.misfires.items():
            MISFIRES.labels(self._name).inc(count)
            self._schedule.misfires[device] = 0

    def _now_ms(self) -> int:
        """Return the wall clock; if it was set, start the schedule afresh."""
        now_ms = self._wall.now_ms()
        if self._wall.steps != self._steps:
            self._steps = self._wall.steps
            self._schedule.realign(now_ms)
        return now_ms
