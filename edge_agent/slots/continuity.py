"""Continuity of slots: those that nobody measured are sent as missing, so that no gap is silent. Pure.

A device's slots follow one another. When a record comes whose slot does not follow the last one (the agent was dead,
the mains were off, the clock was set forward, memory overflowed), the slots between are made as null with `fault`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from edge_agent.readings.records import SlotReading, SlotRecord, StationEvent
from quantrac.config.stations import AGENT, Device, Station
from quantrac.telemetry.states import State
from quantrac.telemetry.wire import Message

MOST_SLOTS: Final = 2_000
"""Slots a device and gap that are sent, a week of five minutes; of a longer gap every second, third … of them."""
LONGEST_MS: Final = 30 * 86_400_000
"""Of a gap that is longer only the last thirty days are sent; the event names the whole of it."""


class SlotSeries(NamedTuple):
    """The slots of one device."""

    device: str
    width_ms: int
    channels: tuple[str, ...]


class Placed(NamedTuple):
    """A record, and whether it is one that was measured."""

    record: SlotRecord
    measured: bool


class Continuity:
    """Knows each device's last slot, and what is missing before the next."""

    def __init__(self, series: Iterable[SlotSeries] = (), last: Mapping[str, int] | None = None) -> None:
        """`last`: end of the newest slot of each device that an earlier run of the agent has stored."""
        self.become(series)
        self._last = dict(last or {})
        self._heard: set[str] = set()

    def become(self, series: Iterable[SlotSeries]) -> None:
        """Go on with the slots of another configuration; what is known of the devices that both have stays known."""
        self._owner = {channel: one for one in series for channel in one.channels}

    def completed(self, records: Sequence[SlotRecord]) -> list[Placed]:
        """Return the records with what is missing before each of them; call `note` when they are stored."""
        last, heard = dict(self._last), set(self._heard)
        placed: list[Placed] = []
        for record in records:
            series = self._series_of(record)
            if series is not None:
                before = last.get(series.device)
                if before is not None:
                    first = series.device not in heard
                    placed += (Placed(missed, False) for missed in missed_slots(series, before, record.t_ms, first))
                last[series.device] = record.t_ms
                heard.add(series.device)
            placed.append(Placed(record, True))
        return placed

    def note(self, records: Iterable[SlotRecord]) -> None:
        """Note that records are stored."""
        for record in records:
            series = self._series_of(record)
            if series is not None:
                self._last[series.device] = record.t_ms
                self._heard.add(series.device)

    def _series_of(self, record: SlotRecord) -> SlotSeries | None:
        return self._owner.get(record.readings[0].name) if record.readings else None


def series_of(station: Station) -> list[SlotSeries]:
    """Return the slots of a station's devices and of the agent itself."""
    devices = [device for device in station.devices.values() if device.channels]
    found = [SlotSeries(d.name, d.report_ms, _continuous(d)) for d in devices]
    agent = list(station.agent_channels.values())
    if agent:
        found.append(SlotSeries(AGENT, min(c.interval_ms for c in agent), tuple(c.name for c in agent)))
    return found


def _continuous(device: Device) -> tuple[str, ...]:
    """Return the series that have a reading in every slot."""
    return tuple(c.name for c in device.channel_list() if c.statistic not in ("zero", "span"))


def last_slots(series: Iterable[SlotSeries], newest_first: Iterable[Message]) -> dict[str, int]:
    """Return the end of each device's newest slot among stored messages, as far as they reach."""
    owner = {channel: one.device for one in series for channel in one.channels}
    wanted, found = set(owner.values()), dict[str, int]()
    for message in newest_first:
        if len(found) == len(wanted):
            break
        device = owner.get(message.r[0][0]) if message.r else None
        if device is not None:
            found.setdefault(device, message.t)
    return found


def missed_slots(series: SlotSeries, last_ms: int, next_ms: int, first_since_start: bool) -> list[SlotRecord]:
    """Return the slots that end after `last_ms` and are over when the slot that ends at `next_ms` begins.

    The first carries a `restart` event with the span when the device is heard for the first time since the agent
    started.
    """
    width = series.width_ms
    first_end, last_end = last_ms // width * width + width, (next_ms - width) // width * width
    if last_end < first_end:
        return []
    begin = max(first_end, (last_end - LONGEST_MS) // width * width)
    ends = range(begin, last_end + 1, width)
    step = -(-len(ends) // MOST_SLOTS)
    nothing = tuple(SlotReading(name, None, State.FAULT) for name in series.channels)
    records = [SlotRecord(end, nothing) for end in ends[::step]]
    if first_since_start:
        said = StationEvent("restart", series.device, span_text(last_ms, last_end, width, len(records)), last_end)
        records[0] = records[0]._replace(events=(said,))
    return records


def span_text(from_ms: int, to_ms: int, width_ms: int, sent: int) -> str:
    """Return how a restart event names the slots (`from` exclusive, `to` inclusive) that were missed."""
    missed = to_ms // width_ms - from_ms // width_ms
    coarse = "" if sent == missed else f", {sent} of them sent"
    return f"no slots from {_iso(from_ms)} to {_iso(to_ms)}: {missed} missed{coarse}"


def _iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
