"""Acquisition: reads a station's instruments and hands over one record a device and slot.

The way of a sample: `bus_reader` takes a turn of its schedule → the instrument answers → `channels` converts →
`device_slots` puts it into its slot → the slot closes → the sink gets a record.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from edge_agent.acquiring.device_channels import DeviceChannels, StationOutlet
from edge_agent.acquiring.field_link import FieldLink
from edge_agent.acquiring.schedule import next_due
from edge_agent.acquiring.surroundings import Surroundings
from edge_agent.acquiring.sweeps import Sweeps
from edge_agent.acquiring.tasks import pause, supervised
from edge_agent.clocks.clock import WallClock
from edge_agent.clocks.trust import shifted
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.health.watchdog import SystemdWatchdog
from edge_agent.readings.records import StationEvent
from edge_agent.readings.samples import Sample
from edge_agent.slots.channels import ChannelFeed, slot_plan
from edge_agent.slots.device_slots import DeviceSlots
from edge_agent.slots.maintenance import MaintenanceSwitch
from quantrac.config.stations import AGENT, Channel, Station

AGENT_SAMPLE_MS: Final = 10_000
"""How often the agent looks at its own box, at least once a report."""
AGENT_VALID_SHARE: Final = 0.5
CLOSING_SLACK_MS: Final = 2
CLOSING_POLL_MS: Final = 50
"""How soon a slot is looked at again whose end has passed while a read of it was under way."""
FEEDS_IN_INTERVAL: Final = 4


Sampling = Callable[[Station, Surroundings, threading.Event, FieldLink], None]
"""Reads a station's devices until the event is set; blocking. `sample` is the one that reads instruments."""


def sample(station: Station, around: Surroundings, stop: threading.Event, link: FieldLink) -> None:
    """Read a station in an event loop of its own until `stop` is set, then return when reads under way are finished.

    Args:
        station: resolved, with its buses at their places (`Wiring.wire`).
        around: clock, sources of the agent's own channels, sink, orders, watchdog.
        stop: may be set from any thread.
        link: lets other threads ask something of the instruments while they are read.

    Raises:
        Unsuitable: a device's profile, bus and address do not go together.
    """

    async def read() -> None:
        stopping, loop = asyncio.Event(), asyncio.get_running_loop()

        def carry_stop() -> None:
            stop.wait()
            loop.call_soon_threadsafe(stopping.set)

        threading.Thread(target=carry_stop, name="stop acquisition", daemon=True).start()
        await acquire(station, around, stopping, link)

    asyncio.run(read())


async def acquire(station: Station, around: Surroundings, stop: asyncio.Event, link: FieldLink) -> None:
    """Do what `sample` does, in the running event loop."""
    outlet = StationOutlet(around.sink, MaintenanceSwitch(station.maintenance), around.orders, around.on_event)
    channels: list[DeviceChannels] = []
    wall = WallClock(around.clock, time.monotonic, lambda now_ms, by_ms: start_afresh(channels, outlet, now_ms, by_ms))
    outlet.events.append(StationEvent("restart", None, around.restart, wall.now_ms()))
    sweeps = Sweeps(station, channels, outlet, wall, around)
    tasks = []
    if station.agent_channels:
        agent = _watch_agent(list(station.agent_channels.values()), outlet, wall)
        channels.append(agent)
        tasks.append(supervised(AGENT, lambda stop: measure_own_channels(agent, around.own, wall, stop), stop))
    tasks.append(supervised("closing", lambda stop: close_slots(channels, outlet, wall, stop), stop))
    if around.watchdog.interval_s is not None:
        tasks.append(supervised("watchdog", lambda stop: feed_watchdog(around.watchdog, stop), stop))
    around.watchdog.ready()
    async with asyncio.TaskGroup() as group:
        sweeps.start(group, stop)
        link.attach(asyncio.get_running_loop(), sweeps)
        for task in tasks:
            group.create_task(task)
        await stop.wait()
        link.detach()


async def feed_watchdog(watchdog: SystemdWatchdog, stop: asyncio.Event) -> None:
    """Feed the watchdog if every bus has finished a sweep since the last time."""
    while not stop.is_set():
        watchdog.feed()
        await pause((watchdog.interval_s or 1.0) / FEEDS_IN_INTERVAL, stop)


async def close_slots(
    channels: Sequence[DeviceChannels], outlet: StationOutlet, wall: WallClock, stop: asyncio.Event
) -> None:
    """Close each slot when its end has passed, and let orders end."""
    while not stop.is_set():
        now_ms = wall.now_ms()
        for event in outlet.orders.turn(now_ms):
            outlet.tell(event)
        for one in channels:
            one.close(now_ms)
        next_end = min((one.slots.closing_ms for one in channels), default=now_ms + 1_000)
        wait_ms = next_end + CLOSING_SLACK_MS - now_ms if next_end >= now_ms else CLOSING_POLL_MS
        await pause(min(wait_ms, 1_000) / 1000, stop)


async def measure_own_channels(agent: DeviceChannels, own: AgentChannels, wall: WallClock, stop: asyncio.Event) -> None:
    """Measure the agent's own channels when they are due."""
    period_ms, steps = min(AGENT_SAMPLE_MS, agent.slots.width_ms), wall.steps
    due_ms = next_due(wall.now_ms(), period_ms)
    while not stop.is_set():
        now_ms = wall.now_ms()
        if wall.steps != steps:
            steps, due_ms = wall.steps, next_due(now_ms, period_ms)
        if due_ms < now_ms:
            agent.take(Sample(feed.signal, now_ms, *own.measure(feed.signal)) for feed in agent.feeds)
            due_ms = next_due(now_ms, period_ms)
        await pause(min(due_ms + 1 - now_ms, 1_000) / 1000, stop)


def start_afresh(channels: Sequence[DeviceChannels], outlet: StationOutlet, now_ms: int, by_ms: int) -> None:
    """Give up the open slots after the wall clock was set: none of them is known whole.

    Events that wait for their record are dated by the clock as it is now.
    """
    outlet.events[:] = [*shifted(outlet.events, by_ms), StationEvent("clock", None, f"set by {by_ms:+d} ms", now_ms)]
    for one in channels:
        one.events[:] = shifted(one.events, by_ms)
        one.slots.restart(now_ms)


def _watch_agent(channels: Sequence[Channel], outlet: StationOutlet, wall: WallClock) -> DeviceChannels:
    feeds = [ChannelFeed(channel, None) for channel in channels]
    report_ms = min(channel.interval_ms for channel in channels)
    plan = slot_plan(feeds, min(AGENT_SAMPLE_MS, report_ms), report_ms, AGENT_VALID_SHARE)
    return DeviceChannels(AGENT, feeds, DeviceSlots(plan, wall.now_ms()), outlet)
