"""Channels from signals: unit, adjustment, frozen values, contacts, calibration windows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from edge_agent.readings.samples import Sample
from edge_agent.slots.device_slots import ChannelPlan, ChannelSample, SlotPlan
from edge_agent.slots.statistics import Statistic
from quantrac.config.lines import LineProfile
from quantrac.config.profiles import Signal
from quantrac.config.stations import Calibration, Channel, Device
from quantrac.telemetry.parameters import Kind
from quantrac.telemetry.states import State, worst

MINUTE_MS: Final = 60_000
GASES: Final = ("zero", "span")
TURNS: Final = {"door": ("closed", "open"), "mains": ("off", "on")}
"""Inputs whose change is an event, and what it is called."""


class ChannelFeed:
    """Makes samples of one signal samples of one channel."""

    def __init__(self, channel: Channel, signal: Signal | None, calibration: Calibration | None = None) -> None:
        self.name = channel.name
        self.signal = channel.signal
        self.parameter = channel.parameter
        self.kind = channel.kind
        self._channel = channel
        self._calibration = calibration
        self._frozen_after = signal.frozen_after if signal else None
        self._wraps_at = signal.wraps_at if signal else None
        self._most_a_minute = signal.most_a_minute if signal else None
        self._contact = Debounce(channel.debounce_ms) if channel.debounce_ms else None
        self._input: bool | None = None
        self._last: float | None = None
        self._repeats = 0

    @property
    def plan(self) -> ChannelPlan:
        """How samples of this channel become its reading."""
        wraps_at, most = (None if n is None else self._published(n) for n in (self._wraps_at, self._most_a_minute))
        adjust = self._channel.adjust
        return ChannelPlan(self.name, self.kind, wraps_at, most, rescaled_ms=adjust.begins_ms if adjust else 0)

    def taken(self, sample: Sample) -> ChannelSample:
        """Return a sample in the channel's unit, with its state as far as the edge can tell."""
        state = worst((sample.state, self._window_state(sample.t_ms), self._frozen_state(sample.value)))
        value = None if sample.value is None else self._published(sample.value, sample.t_ms)
        if self._contact is not None and value is not None:
            value = self._contact.settled(sample.t_ms, value)
        return ChannelSample(sample.t_ms, value, state, sample.why)

    def turned(self, taken: ChannelSample) -> str | None:
        """Return what became of a door or the mains if this sample shows a change: the event's text."""
        if self.parameter not in TURNS or taken.value is None:
            return None
        before, self._input = self._input, taken.value >= 1
        return TURNS[self.parameter][self._input] if before is not None and before != self._input else None

    def _published(self, value: float, t_ms: int | None = None) -> float:
        """Return a value in the channel's unit; of a counter only the scale applies, never an offset."""
        if self.kind is Kind.SUM:
            return self._channel.published(value, t_ms) - self._channel.published(0.0, t_ms)
        return self._channel.published(value, t_ms)

    def _frozen_state(self, value: float | None) -> State:
        """Return suspect once the same number came too often in a row: instruments freeze while they clean or hang."""
        if self._frozen_after is None or value is None:
            return State.OK
        self._repeats = self._repeats + 1 if value == self._last else 1
        self._last = value
        return State.SUSPECT if self._repeats >= self._frozen_after else State.OK

    def _window_state(self, t_ms: int) -> State:
        inside = self._calibration is not None and in_window(self._calibration, t_ms)
        return State.CAL if inside else State.OK


class Debounce:
    """A contact that is believed only when it has held: doors rattle, floats bob."""

    def __init__(self, hold_ms: int) -> None:
        self._hold_ms = hold_ms
        self._settled: float | None = None
        self._changed: tuple[float, int] | None = None
        """What it reads since when, other than settled."""

    def settled(self, t_ms: int, value: float) -> float:
        """Return what the contact is taken for, given what it reads now."""
        if self._settled is None or value == self._settled:
            self._settled, self._changed = value, None
        elif self._changed is None or self._changed[0] != value:
            self._changed = (value, t_ms)
        elif t_ms - self._changed[1] >= self._hold_ms:
            self._settled, self._changed = value, None
        return self._settled


def in_window(calibration: Calibration, t_ms: int) -> bool:
    """Return whether an instant lies in a device's weekly calibration window (start inclusive, end exclusive)."""
    if calibration.weekday is None:
        return False
    local = datetime.fromtimestamp(t_ms / 1000, ZoneInfo(calibration.time_zone))
    minute = local.hour * 60 + local.minute
    return local.weekday() == calibration.weekday and calibration.start_minute <= minute < calibration.end_minute


def feeds_of(device: Device) -> list[ChannelFeed]:
    """Return the feeds of a device's channels."""
    return [
        ChannelFeed(channel, device.profile.signals[channel.signal], device.calibration)
        for channel in device.channels.values()
    ]


def device_plan(device: Device, feeds: Iterable[ChannelFeed]) -> SlotPlan:
    """Return how a device's slots are made; what an instrument stamps itself comes once a slot, and later."""
    stamp = device.profile.stamp if isinstance(device.profile, LineProfile) else None
    plan = slot_plan(feeds, device.sample_ms, device.report_ms, device.valid_share)
    plan = plan._replace(channels=tuple(each._replace(statistics=_statistics(device, each)) for each in plan.channels))
    if stamp is None:
        return plan
    minutes = device.profile.poll_minutes
    lag_ms = (minutes[1] + 1) * MINUTE_MS if minutes else stamp.covers_ms
    return plan._replace(expected=1, lag_ms=lag_ms)


def _statistics(device: Device, channel: ChannelPlan) -> tuple[Statistic, ...]:
    return tuple(
        Statistic(name, e.kind) for name, e in device.extras.items() if e.of == channel.name and e.kind not in GASES
    )


def slot_plan(feeds: Iterable[ChannelFeed], sample_ms: int, report_ms: int, valid_share: float) -> SlotPlan:
    """Return how a device's slots are made."""
    return SlotPlan(report_ms, max(1, report_ms // sample_ms), valid_share, tuple(feed.plan for feed in feeds))
