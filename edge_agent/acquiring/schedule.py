"""The schedule of a bus: due times, earliest deadline first, retries last, rests for the silent. Pure.

Due times are multiples of the sampling period on the wall clock, all in milliseconds since 1970 UTC. A slot labelled h
ends at h inclusive, so a read due at h starts one millisecond later: it is the first of the slot that begins.

A bus is shared. What is in order is read first; an instrument that does not answer properly is asked when that cannot
make a neighbour late, and less and less often while it stays silent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

REST: Final = 0.5
"""Share of the time that a device has been silent for which it rests before the next try."""
LEAST_REST_MS, LONGEST_REST_MS = 2_000, 300_000
"""Bounds of a rest, which begins with the second silent turn in a row."""
LOST_AFTER: Final = 3
"""Silent turns in a row after which a device is called lost."""
GARBLED_TRIES: Final = 6
"""Tries a sweep while bytes come back: with half of all frames garbled 98 % of the reads succeed."""
STARVED_MS: Final = 10_000
"""A silent instrument whose rest is over is tried this long after the last try, even if a neighbour is late for it."""
BEARABLE: Final = 0.5
"""Share of its period that an instrument in order may be late for one that lives: it loses no sample by it."""
LONG: Final = 0.25
"""One whose turns take more than this share of its period as a rule is read behind those that were due with it."""
FADING: Final = 0.9
"""What is left, turn by turn, of the longest turn as the measure of what turns take."""


class TurnOutcome(Enum):
    """How a turn ended."""

    READ = auto()
    """Everything that was asked has come."""
    CUT = auto()
    """What was asked has come; the rest waits until nobody else wants the bus."""
    GARBLED = auto()
    """It lives, but not everything has come intact."""
    SILENT = auto()
    WAKING = auto()
    """It may have been asleep: it was woken and is read when it has had time."""
    MEASURING = auto()
    """It measures by command, and is read when it is ready."""
    LINE_DOWN = auto()
    """The bus itself is away."""


class ScheduledDevice(NamedTuple):
    """A device to be read."""

    device: str
    period_ms: int
    try_ms: int
    """Time of the bus that a try needs at least."""


class Turn(NamedTuple):
    """Leave to use the bus for one device now."""

    device: str
    due_ms: int
    attempt: int
    """1 for the first of a sweep."""
    probe: bool
    """The device was not heard last time: ask for one thing first."""
    woken: bool = False
    """It has been woken for this turn."""
    measuring: bool = False
    """It measures by command, and must be ready by now."""
    came_late: bool = False
    """It was heard too late: it lives, and nothing is gained by asking for one thing first."""
    rest: bool = False
    """For what a turn that was cut has left."""
    free_by_ms: int | None = None
    """When its neighbours want the bus; None: none does."""
    cut_by_ms: int | None = None
    """When a long one has to end between two pieces: a neighbour would lose a sample, or, if it is over, wait."""


class Idle(NamedTuple):
    """Nothing to do before this time."""

    until_ms: int


@dataclass(slots=True)
class _Device:
    watch: ScheduledDevice
    order: int
    due_ms: int
    try_ms: int
    silent_turns: int = 0
    silent_since_ms: int = 0
    heard: bool = False
    """It has answered since the agent started."""
    shaky: bool = False
    """The last turn did not bring everything at the first try."""
    came_late: bool = False
    """It was silent, and then heard too late; nothing has been read since."""
    began_ms: int = 0
    takes_ms: float = 0
    """How long the turns take at most that bring everything."""
    took_ms: float = math.inf
    usual_ms: float = math.inf
    """The shorter of the last two: a machine that stood still once does not make a quick one slow."""
    rest_until_ms: int = 0
    tried_ms: int = 0
    retry: Turn | None = None
    retry_at_ms: int = 0
    rest_needs_ms: int = 0
    """Time of the next piece of what a turn that was cut has left."""
    over: bool = False
    """The line has no time for all that it wants each period: it gets what others leave."""

    @property
    def deadline_ms(self) -> int:
        return self.due_ms + self.watch.period_ms

    @property
    def is_in_order(self) -> bool:
        return self.heard and not self.shaky

    def rest_ms(self, now_ms: int) -> int:
        """Return how long it rests after a silent turn: in proportion to how long it has been silent."""
        if self.silent_turns < 2:
            return 0
        return min(LONGEST_REST_MS, max(LEAST_REST_MS, round(REST * (now_ms - self.silent_since_ms))))

    @property
    def lives(self) -> bool:
        """Whether it has been heard, in time or too late, since its last silent turn but one."""
        return self.heard and self.silent_turns <= 1

    @property
    def patience(self) -> float:
        """The share of its period that a neighbour in order may be late for it: none if it may be dead, or was late."""
        return BEARABLE if self.lives and not self.came_late else 0

    @property
    def goes_last(self) -> bool:
        """Whether those that were due with it are read first."""
        return not self.is_in_order or self.is_long

    @property
    def is_long(self) -> bool:
        """Whether its turns take long, as far as is known."""
        return self.usual_ms > LONG * self.watch.period_ms

    def wants_by_ms(self, patience: float, take_ms: float) -> float:
        """Return when it wants the bus at the latest.

        `patience` is the share of its period that it may be late; it and those before it take `take_ms`.
        """
        share = patience if self.is_in_order else 1
        return max(self.due_ms, min(self.due_ms + share * self.watch.period_ms, self.deadline_ms - take_ms))

    @property
    def has_rest(self) -> bool:
        """Whether all that it wants before its next due time is what a turn has left."""
        return self.retry is not None and self.retry.rest

    @property
    def is_awaited(self) -> bool:
        return self.retry is not None and (self.retry.measuring or (self.retry.woken and self.retry.attempt == 1))


class BusSchedule:
    """The turns of one bus."""

    def __init__(self, watches: Iterable[ScheduledDevice], now_ms: int) -> None:
        self._devices = {
            watch.device: _Device(watch, order, next_due(now_ms, watch.period_ms), watch.try_ms)
            for order, watch in enumerate(watches)
        }
        self.misfires = dict.fromkeys(self._devices, 0)
        """Due times that passed because the line was busy, by device."""

    def realign(self, now_ms: int) -> None:
        """Start afresh after the wall clock was set."""
        for device in self._devices.values():
            device.due_ms = next_due(now_ms, device.watch.period_ms)
            device.rest_until_ms = device.tried_ms = 0
            device.silent_since_ms = now_ms
            device.retry, device.over = None, False

    def expect(self, device: str, try_ms: int) -> None:
        """Note how long a turn of a device can take, where experience differs from its watch."""
        self._devices[device].try_ms = try_ms

    def revive(self, device: str, now_ms: int) -> None:
        """Note that a device was heard answering too late: it lives, and its rest is over."""
        found = self._devices[device]
        found.heard, found.came_late, found.silent_turns = True, True, min(found.silent_turns, 1)
        found.rest_until_ms, found.silent_since_ms = min(found.rest_until_ms, now_ms), now_ms
        if not found.is_awaited:
            found.retry_at_ms = min(found.retry_at_ms, now_ms)

    def is_lost(self, device: str) -> bool:
        """Return whether a device has been silent long enough to be called lost."""
        return self._devices[device].silent_turns >= LOST_AFTER

    def next(self, now_ms: int) -> Turn | Idle:
        """Return whose turn it is, or until when the bus is idle."""
        for device in self._devices.values():
            self._skip_missed(device, now_ms)
        return self._due_turn(now_ms) or self._retry_turn(now_ms) or Idle(self._wake(now_ms))

    def report(
        self,
        turn: Turn,
        outcome: TurnOutcome,
        now_ms: int,
        quarantine_ms: int = 0,
        owed_ms: int = 0,
        rest_needs_ms: int = 0,
    ) -> None:
        """Take note of how a turn ended.

        A device that is silent, waking or measuring is left alone for `quarantine_ms` at least, any for `owed_ms`. The
        next piece of a turn that was cut takes `rest_needs_ms`.
        """
        device = self._devices[turn.device]
        device.retry = None
        if outcome is TurnOutcome.LINE_DOWN:
            return
        if outcome in (TurnOutcome.WAKING, TurnOutcome.MEASURING):
            measuring = outcome is TurnOutcome.MEASURING
            device.retry = turn._replace(woken=turn.woken or not measuring, measuring=measuring)
            device.retry_at_ms = now_ms + quarantine_ms
            return
        device.heard = device.heard or outcome is not TurnOutcome.SILENT
        device.shaky = outcome not in (TurnOutcome.READ, TurnOutcome.CUT) or turn.attempt > 1
        if outcome is TurnOutcome.CUT:
            device.came_late, device.took_ms, device.usual_ms = False, math.inf, math.inf
            device.retry, device.retry_at_ms = turn._replace(rest=True, probe=False), now_ms
            device.rest_needs_ms = rest_needs_ms
        elif outcome is TurnOutcome.READ:
            device.came_late = device.over = False
            took_ms = math.inf if turn.rest else now_ms - device.began_ms
            device.takes_ms = max(now_ms - device.began_ms, FADING * device.takes_ms)
            device.took_ms, device.usual_ms = took_ms, min(took_ms, device.took_ms)
        device.silent_turns = device.silent_turns + 1 if outcome is TurnOutcome.SILENT else 0
        if outcome is TurnOutcome.SILENT:
            device.silent_since_ms = device.began_ms if device.silent_turns == 1 else device.silent_since_ms
            device.rest_until_ms = now_ms + max(quarantine_ms, device.rest_ms(now_ms))
        if owed_ms:
            device.rest_until_ms = max(device.rest_until_ms, now_ms + owed_ms)
        again = device.silent_turns == 1 or (outcome is TurnOutcome.GARBLED and turn.attempt < GARBLED_TRIES)
        if again:
            device.retry = turn._replace(attempt=turn.attempt + 1, probe=False, measuring=False)
            device.retry_at_ms = max(now_ms, device.rest_until_ms)

    def _due_turn(self, now_ms: int) -> Turn | None:
        due = [device for device in self._devices.values() if device.due_ms < now_ms and not device.is_awaited]
        for device in sorted(due, key=_rank):
            starved = now_ms - device.tried_ms > STARVED_MS
            patience = BEARABLE if starved else self._patience(device, now_ms)
            device.over = device.over or device.has_rest
            needed = device.silent_turns == 0 and not device.over
            if needed or starved or self._harmless(device, now_ms, patience):
                probe = device.silent_turns > 0 or not device.heard
                came_late = device.came_late and device.lives
                turn = Turn(device.watch.device, device.due_ms, 1, probe, came_late=came_late)
                device.due_ms, device.tried_ms, device.retry = device.deadline_ms, now_ms, None
                return self._begin(device, turn, now_ms, patience)
        return None

    def _retry_turn(self, now_ms: int) -> Turn | None:
        ready = [device for device in self._devices.values() if device.retry and device.retry_at_ms <= now_ms]
        for device in sorted(ready, key=lambda device: (device.has_rest, device.retry_at_ms, device.order)):
            patience = self._patience(device, now_ms)
            if device.retry is not None and (device.is_awaited or self._harmless(device, now_ms, patience)):
                turn, device.retry = device.retry, None
                device.tried_ms = now_ms if turn.rest else device.tried_ms
                return self._begin(device, turn, now_ms, patience)
        return None

    def _begin(self, device: _Device, turn: Turn, now_ms: int, patience: float) -> Turn:
        device.began_ms = now_ms
        cut_by_ms = self._wanted_by(device, 0 if device.over else 1) if device.is_long else None
        return turn._replace(free_by_ms=self._wanted_by(device, patience), cut_by_ms=cut_by_ms)

    def _skip_missed(self, device: _Device, now_ms: int) -> None:
        """Pass over due times that a rest or a busy line has used up; a busy line's are misfires."""
        while device.due_ms < now_ms and device.due_ms < device.rest_until_ms:
            device.due_ms = device.deadline_ms
        if device.deadline_ms < now_ms:
            latest = (now_ms - 1) // device.watch.period_ms * device.watch.period_ms
            self.misfires[device.watch.device] += (latest - device.due_ms) // device.watch.period_ms
            device.due_ms = latest

    def _patience(self, device: _Device, now_ms: int) -> float:
        """Return the patience with a device now: one that was late has a neighbour's only if it needs it."""
        if device.over:
            return 0
        if device.lives and not self._harmless(device, now_ms, device.patience):
            return BEARABLE
        return device.patience

    def _harmless(self, device: _Device, now_ms: int, patience: float) -> bool:
        """Return whether a try of a device can end before a neighbour wants the bus."""
        wanted_ms = self._wanted_by(device, patience)
        needs_ms = device.rest_needs_ms if device.has_rest or device.over else device.try_ms
        return wanted_ms is None or now_ms + needs_ms <= wanted_ms

    def _wanted_by(self, device: _Device, patience: float) -> int | None:
        """Return when a neighbour that lives wants the bus at the latest.

        Those that are silent do not count, nor those for which the line has no time.
        `patience` is the share of its period that one in order may be late for the device.
        """
        others = [
            other
            for other in self._devices.values()
            if other is not device and other.silent_turns == 0 and not other.over
        ]
        others.sort(key=lambda other: other.deadline_ms)
        ahead_ms = itertools.accumulate(other.takes_ms for other in others)
        wanted = [other.wants_by_ms(patience, take_ms) for other, take_ms in zip(others, ahead_ms, strict=True)]
        return int(min(wanted)) if wanted else None

    def _wake(self, now_ms: int) -> int:
        """Return when the answer of `next` can change."""
        times = [max(device.due_ms + 1, device.rest_until_ms) for device in self._devices.values()]
        times += [device.retry_at_ms for device in self._devices.values() if device.retry]
        times += [device.due_ms + 1 for device in self._devices.values()]
        return min((time for time in times if time > now_ms), default=now_ms + 1_000)


def _rank(device: _Device) -> tuple[bool, bool, int, float, int]:
    first_ms = device.tried_ms if device.over else device.deadline_ms
    return (device.over, device.goes_last, first_ms, device.usual_ms if device.goes_last else 0, device.order)


def next_due(now_ms: int, period_ms: int) -> int:
    """Return the first due time at or after `now_ms`."""
    return -(-now_ms // period_ms) * period_ms
