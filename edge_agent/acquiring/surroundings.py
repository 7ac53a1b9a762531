"""The surroundings of acquisition: clock, sources of the agent's own channels, sink, orders, watchdog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.clocks.clock import NowMs
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.health.watchdog import SystemdWatchdog
from edge_agent.readings.records import RecordSink, StationEvent
from edge_agent.slots.maintenance import MaintenanceOrders


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts that acquisition gets besides the station."""

    clock: NowMs
    own: AgentChannels
    sink: RecordSink
    """Takes each record and returns at once."""
    restart: str
    """Text of the `restart` event that the first record carries, such as ``boot 17``."""
    orders: MaintenanceOrders = field(default_factory=MaintenanceOrders)
    watchdog: SystemdWatchdog = field(default_factory=lambda: SystemdWatchdog(None, None))
    on_event: Callable[[StationEvent], None] | None = None
    """Told at once of each event; must return at once."""
