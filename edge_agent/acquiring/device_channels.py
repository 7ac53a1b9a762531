"""The channels of a device while it is read: samples go into slots, closed slots become records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from edge_agent.readings.records import RecordSink, StationEvent
from edge_agent.readings.samples import Sample
from edge_agent.slots.calibrations import KIND as CALIBRATION
from edge_agent.slots.calibrations import CalibrationWatch, GasWatch
from edge_agent.slots.channels import ChannelFeed, device_plan, feeds_of
from edge_agent.slots.device_slots import ChannelSample, DeviceSlots
from edge_agent.slots.maintenance import MaintenanceOrders, MaintenanceSwitch
from quantrac.config.stations import Device


@dataclass(slots=True)
class StationOutlet:
    """What the devices of a station share: sink of closed slots, the station's events, maintenance switch, orders."""

    sink: RecordSink
    switch: MaintenanceSwitch = field(default_factory=MaintenanceSwitch)
    orders: MaintenanceOrders = field(default_factory=MaintenanceOrders)
    on_event: Callable[[StationEvent], None] | None = None
    events: list[StationEvent] = field(default_factory=list)
    """Sent with the next record of any device."""

    def tell(self, event: StationEvent) -> None:
        """Put an event on record, and pass it to `on_event` at once."""
        self.events.append(event)
        if self.on_event is not None:
            self.on_event(event)


@dataclass(slots=True)
class DeviceChannels:
    """The channels of one device, or of the agent itself, from sample to record."""

    name: str
    feeds: list[ChannelFeed]
    slots: DeviceSlots
    outlet: StationOutlet
    events: list[StationEvent] = field(default_factory=list)
    """Sent with the device's next record."""
    last: dict[str, ChannelSample] = field(default_factory=dict)
    """The newest sample of each channel."""
    calibration: CalibrationWatch = field(default_factory=lambda: CalibrationWatch(checks_itself=False))
    gases: GasWatch = field(default_factory=GasWatch)
    by_signal: dict[str, list[ChannelFeed]] = field(default_factory=dict)
    """The channels that use a signal."""

    def __post_init__(self) -> None:
        for feed in self.feeds:
            self.by_signal.setdefault(feed.signal, []).append(feed)

    def take(self, samples: Iterable[Sample]) -> None:
        """Put samples of signals into the slots of the channels that use them."""
        samples = [*samples]
        for sample in samples:
            self.gases.note(sample)
        for sample in samples:
            if (calibrated := self.calibration.note(sample)) is not None:
                self.outlet.tell(StationEvent(CALIBRATION, self.name, calibrated, sample.t_ms))
            for feed in self.by_signal.get(sample.signal, ()):
                self._put(feed, sample)

    def _put(self, feed: ChannelFeed, sample: Sample) -> None:
        taken = feed.taken(sample)
        turned = self.outlet.switch.note(self.name, feed.name, taken)
        if turned is not None:
            self.outlet.tell(StationEvent("maintenance", self.name, turned, taken.t_ms))
        if (said := feed.turned(taken)) is not None:
            self.outlet.tell(StationEvent(feed.parameter, self.name, said, taken.t_ms))
        if (gas := self.gases.of(feed.kind, taken)) is not None and taken.value is not None:
            self.slots.add_beside(f"{feed.name}_{gas}", taken.t_ms, taken.value)
        taken = self.outlet.switch.marked(feed.kind, taken)
        taken = self.outlet.orders.marked(self.name, feed.kind, taken)
        self.last[feed.name] = taken
        self.slots.add(feed.name, taken)

    def close(self, now_ms: int) -> None:
        """Hand over the slots that have ended and are complete."""
        for record in self.slots.close(now_ms):
            events = (*self.outlet.events, *self.events)
            self.outlet.events.clear()
            self.events.clear()
            self.outlet.sink(record._replace(events=events))


def channels_of(device: Device, outlet: StationOutlet, now_ms: int) -> DeviceChannels:
    """Return the channels of a device of which nothing has been read yet."""
    feeds = feeds_of(device)
    slots = DeviceSlots(device_plan(device, feeds), now_ms)
    calibration, gases = CalibrationWatch(bool(device.gases)), GasWatch(device.gases)
    return DeviceChannels(device.name, feeds, slots, outlet, calibration=calibration, gases=gases)
