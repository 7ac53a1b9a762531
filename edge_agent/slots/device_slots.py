"""The open slots of a device: samples become means, sums or last values. Pure; the time is passed in.

A slot labelled h holds the samples of h - width < t <= h. It is closed when its end has passed and no read begun
before the end is under way, so that a stored mean is the mean of everything that the instrument served in the slot.
The slot in which the agent starts is not known whole: its readings are null with state `warmup`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from edge_agent.readings.records import SlotReading, SlotRecord
from edge_agent.slots.statistics import Statistic, beside
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.slots import slot_end
from quantrac.telemetry.states import State, worst

COUNTER_DECIMALS: Final = 6
"""Differences of counters are rounded to this: 12.30 - 12.29 is 0.01, not 0.01000000000000156."""
NO_DIRECTION: Final = 1e-6
"""A mean vector shorter than this has no direction: winds that cancel out."""


class ChannelPlan(NamedTuple):
    """How the samples of one channel become its reading."""

    name: str
    kind: Kind
    wraps_at: float | None = None
    """A counter's modulus in the channel's unit; None: a fall means that it was reset."""
    most_a_minute: float | None = None
    """The fastest that a counter can rise, in the channel's unit a minute."""
    statistics: tuple[Statistic, ...] = ()
    """Series beside it."""
    rescaled_ms: int = 0
    """When a counter's scale changed or will: its rise across that moment is not known."""


class SlotPlan(NamedTuple):
    """How a device's slots are made."""

    width_ms: int
    expected: int
    """Samples of a complete slot."""
    valid_share: float
    """Least share of the expected samples that must be valid, 0..1."""
    channels: tuple[ChannelPlan, ...]
    lag_ms: int = 0
    """How long after its end a slot is closed: the results that an instrument keeps are fetched later."""


class ChannelSample(NamedTuple):
    """A sample of a channel, in the channel's unit."""

    t_ms: int
    value: float | None
    state: State
    why: str = ""
    """Why there is no value, in words; empty where nobody said."""


@dataclass(slots=True)
class CounterReading:
    """Turns a raw counter into increases: each belongs to the later of its two samples."""

    wraps_at: float | None
    most_a_minute: float | None = None
    rescaled_ms: int = 0
    at_ms: int | None = None
    count: float = 0.0

    def increase(self, t_ms: int, count: float) -> float:
        """Return by how much the counter rose since the last call; 0 for the first, handling roll-over and reset."""
        since_ms, before = self.at_ms, self.count
        self.at_ms, self.count = t_ms, count
        if since_ms is None or since_ms < self.rescaled_ms <= t_ms:
            return 0.0
        if count >= before:
            return count - before
        if self.wraps_at is not None and self._can_rise(self.wraps_at - before + count, self.wraps_at, t_ms - since_ms):
            return self.wraps_at - before + count
        return count

    def _can_rise(self, rise: float, wraps_at: float, elapsed_ms: int) -> bool:
        """Return whether a fall is a roll-over: only if the counter can have risen so far, else it was reset."""
        if self.most_a_minute is None:
            return rise < wraps_at / 2
        return rise <= self.most_a_minute * max(1.0, elapsed_ms / 60_000)


class DeviceSlots:
    """The open slots of one device."""

    def __init__(self, plan: SlotPlan, started_ms: int) -> None:
        self._plan = plan
        self._open: dict[int, dict[str, list[ChannelSample]]] = {}
        self._counters = {c.name: CounterReading(c.wraps_at, c.most_a_minute, c.rescaled_ms) for c in plan.channels}
        self._beside: dict[int, dict[str, list[float]]] = {}
        self._in_flight: int | None = None
        self._new: frozenset[str] = frozenset()
        self._new_until = 0
        self.restart(started_ms)

    def restart(self, now_ms: int) -> None:
        """Forget open slots: the one that holds `now_ms` is not known whole (a start, or the clock was set)."""
        self._open.clear()
        self._beside.clear()
        self._next_end = slot_end(now_ms - self._plan.lag_ms, self._plan.width_ms)
        self._unknown_until = 0 if self._plan.lag_ms else self._next_end
        for counter in self._counters.values():
            counter.at_ms = None

    def take_over(self, before: DeviceSlots, same: Iterable[str]) -> bool:
        """Go on where the slots of an earlier configuration stopped, if they are as wide; returns whether they are.

        What was sampled of the channels in `same` counts; a slot that the others share with their former selves is
        `warmup` for them.
        """
        old, new = before._plan, self._plan
        if (old.width_ms, old.lag_ms) != (new.width_ms, new.lag_ms):
            return False
        kept = set(same)
        self._next_end, self._unknown_until = before._next_end, before._unknown_until
        for end, taken in before._open.items():
            self._open[end] = {name: list(samples) for name, samples in taken.items() if name in kept}
        self._counters |= {name: counter for name, counter in before._counters.items() if name in kept}
        still_new = before._new if before._new_until >= before._next_end else frozenset()
        self._new = (frozenset(channel.name for channel in new.channels) - kept) | still_new
        self._new_until = self._next_end
        return True

    @property
    def width_ms(self) -> int:
        """Width of a slot."""
        return self._plan.width_ms

    @property
    def closing_ms(self) -> int:
        """When the next slot can be closed: its end, and the lag."""
        return self._next_end + self._plan.lag_ms

    def begin(self, t_ms: int) -> None:
        """Note that a read is under way: slots that end at or after `t_ms` wait for it."""
        self._in_flight = t_ms

    def finish(self) -> None:
        """Note that no read is under way."""
        self._in_flight = None

    def add(self, name: str, sample: ChannelSample) -> None:
        """Put a sample of a channel into its slot; one that is older than every open slot is ignored."""
        end = slot_end(sample.t_ms, self._plan.width_ms)
        if end >= self._next_end:
            self._open.setdefault(end, {}).setdefault(name, []).append(sample)

    def add_beside(self, name: str, t_ms: int, value: float) -> None:
        """Put a sample into a series that has a reading only in slots with samples, whatever their number."""
        end = slot_end(t_ms, self._plan.width_ms)
        if end >= self._next_end:
            self._beside.setdefault(end, {}).setdefault(name, []).append(value)

    def close(self, now_ms: int) -> list[SlotRecord]:
        """Return the slots that have ended and are complete, oldest first."""
        records = []
        while self._next_end + self._plan.lag_ms < now_ms and not self._is_awaited(self._next_end):
            taken = self._open.pop(self._next_end, {})
            readings = (self._readings(channel, taken.get(channel.name, [])) for channel in self._plan.channels)
            beside = [
                SlotReading(name, math.fsum(values) / len(values), State.OK)
                for name, values in self._beside.pop(self._next_end, {}).items()
            ]
            records.append(SlotRecord(self._next_end, (*itertools.chain.from_iterable(readings), *beside)))
            self._next_end += self._plan.width_ms
        return records

    def _is_awaited(self, end_ms: int) -> bool:
        """Return whether a read is under way that began in a slot."""
        return self._in_flight is not None and self._in_flight <= end_ms + self._plan.lag_ms

    def _readings(self, channel: ChannelPlan, samples: Sequence[ChannelSample]) -> list[SlotReading]:
        valid = [sample for sample in samples if sample.state.is_valid and sample.value is not None]
        reading = self._reading(channel, samples, valid)
        values = [sample.value for sample in valid if sample.value is not None]
        return [reading, *beside(reading, values, channel.statistics)]

    def _reading(
        self, channel: ChannelPlan, samples: Sequence[ChannelSample], valid: Sequence[ChannelSample]
    ) -> SlotReading:
        value, state = self._combined(channel, valid)
        is_new = channel.name in self._new and self._next_end <= self._new_until
        if is_new or self._next_end <= self._unknown_until:
            return SlotReading(channel.name, None, State.WARMUP)
        if not valid or self._covered(valid) < self._plan.valid_share * self._plan.expected:
            return SlotReading(channel.name, None, dominating(samples, self._plan.expected))
        if value is None:
            return SlotReading(channel.name, None, State.SUSPECT)
        return SlotReading(channel.name, value, state)

    def _covered(self, valid: Sequence[ChannelSample]) -> int:
        """Return how many of the expected samples came; a talker's surplus does not make up for its silence."""
        if len(valid) <= self._plan.expected:
            return len(valid)
        step_ms = self._plan.width_ms / self._plan.expected
        return len({math.ceil(sample.t_ms / step_ms) for sample in valid})

    def _combined(self, channel: ChannelPlan, valid: Sequence[ChannelSample]) -> tuple[float | None, State]:
        if not valid:
            return None, State.COMM
        state = worst(sample.state for sample in valid)
        values = [sample.value for sample in valid if sample.value is not None]
        match channel.kind:
            case Kind.MEAN:
                return math.fsum(values) / len(values), state
            case Kind.VECTOR:
                return mean_direction(values), state
            case Kind.LAST:
                return values[-1], state
            case Kind.SUM:
                return self._increase(channel.name, valid, state)

    def _increase(self, name: str, valid: Sequence[ChannelSample], state: State) -> tuple[float, State]:
        """Return a counter's rise over the slot; suspect if part of it fell in slots that were not read."""
        counter = self._counters[name]
        if counter.at_ms is not None and valid[0].t_ms - counter.at_ms > self._plan.width_ms:
            state = worst((state, State.SUSPECT))
        rises = [counter.increase(sample.t_ms, sample.value) for sample in valid if sample.value is not None]
        return round(math.fsum(rises), COUNTER_DECIMALS), state


def dominating(samples: Sequence[ChannelSample], expected: int) -> State:
    """Return the most frequent bad state (never taken counts as `comm`); of equals the one with precedence."""
    bad = Counter(sample.state for sample in samples if not sample.state.is_valid or sample.value is None)
    bad[State.COMM] += max(0, expected - len(samples))
    return max(bad, key=lambda state: (bad[state], state))


def mean_direction(degrees: Sequence[float]) -> float | None:
    """Return the direction of the mean unit vector, 0 <= d < 360 degrees; None if the directions cancel out."""
    east = math.fsum(math.sin(math.radians(angle)) for angle in degrees) / len(degrees)
    north = math.fsum(math.cos(math.radians(angle)) for angle in degrees) / len(degrees)
    if math.hypot(east, north) < NO_DIRECTION:
        return None
    return math.degrees(math.atan2(east, north)) % 360.0
