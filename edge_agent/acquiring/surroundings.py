"""The surroundings of acquisition: clock, sources of the agent's own channels, orders, watchdog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.clocks.clock import NowMs
from edge_agent.health.agent_channels import AgentChannels
from edge_agent.health.watchdog import SystemdWatchdog
from edge_agent.readings.records import StationEvent
from edge_agent.slots.maintenance import MaintenanceOrders


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What acquisition is given besides the station."""

    clock: NowMs
    own: AgentChannels
    orders: MaintenanceOrders = field(default_factory=MaintenanceOrders)
    watchdog: SystemdWatchdog = field(default_factory=lambda: SystemdWatchdog(None, None))
    on_event: Callable[[StationEvent], None] | None = None
    """Told at once of each event; must return at once."""
