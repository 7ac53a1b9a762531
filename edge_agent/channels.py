"""From an instrument's signal to the station's channel: unit, adjustment, frozen values, calibration. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Final

from edge_agent.averaging import ChannelPlan, SlotPlan, Taken
from edge_agent.samples import Sample
from quantrac.config.profiles import Signal
from quantrac.config.stations import Calibration, Channel, Device
from quantrac.telemetry.parameters import CATALOGUE, Kind
from quantrac.telemetry.states import State, worst

LOCAL: Final = timezone(timedelta(hours=7))
"""Calibration windows are in the technician's time; Vietnam has no summer time, an edge box no time zone database."""


class ChannelFeed:
    """Makes samples of one signal samples of one channel."""

    def __init__(self, channel: Channel, signal: Signal | None, calibration: Calibration | None = None) -> None:
        self.name = channel.name
        self.signal = channel.signal
        self.kind = CATALOGUE[channel.parameter].kind
        self._channel = channel
        self._calibration = calibration
        self._frozen_after = signal.frozen_after if signal else None
        self._wraps_at = signal.wraps_at if signal else None
        self._last: float | None = None
        self._repeats = 0

    @property
    def plan(self) -> ChannelPlan:
        """How samples of this channel become its reading."""
        return ChannelPlan(self.name, self.kind, None if self._wraps_at is None else self._published(self._wraps_at))

    def taken(self, sample: Sample) -> Taken:
        """Return a sample in the channel's unit, with its state as far as the edge can tell."""
        state = worst((sample.state, self._window_state(sample.t_ms), self._frozen_state(sample.value)))
        value = None if sample.value is None else self._published(sample.value)
        return Taken(sample.t_ms, value, state)

    def _published(self, value: float) -> float:
        """Return a value in the channel's unit; of a counter only the scale applies, never an offset."""
        if self.kind is Kind.SUM:
            return self._channel.published(value) - self._channel.published(0.0)
        return self._channel.published(value)

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


def in_window(calibration: Calibration, t_ms: int) -> bool:
    """Return whether an instant lies in a device's weekly calibration window (start inclusive, end exclusive)."""
    if calibration.weekday is None:
        return False
    local = datetime.fromtimestamp(t_ms / 1000, LOCAL)
    minute = local.hour * 60 + local.minute
    return local.weekday() == calibration.weekday and calibration.start_minute <= minute < calibration.end_minute


def feeds_of(device: Device) -> list[ChannelFeed]:
    """Return the feeds of a device's channels."""
    return [
        ChannelFeed(channel, device.profile.signals[channel.signal], device.calibration)
        for channel in device.channels.values()
    ]


def slot_plan(feeds: Iterable[ChannelFeed], sample_ms: int, report_ms: int, valid_share: float) -> SlotPlan:
    """Return how a device's slots are made."""
    return SlotPlan(report_ms, max(1, report_ms // sample_ms), valid_share, tuple(feed.plan for feed in feeds))
