"""What acquisition is given besides the station: clock, sources of the agent's own channels, orders, watchdog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.health.agent_channels import Housekeeping
from edge_agent.health.watchdog import Watchdog
from edge_agent.readings.records import Event
from edge_agent.readings.samples import Clock
from edge_agent.slots.orders import Orders


@dataclass(frozen=True, slots=True)
class Surroundings:
    """See the module."""

    clock: Clock
    keeping: Housekeeping
    orders: Orders = field(default_factory=Orders)
    watchdog: Watchdog = field(default_factory=lambda: Watchdog(None, None))
    on_event: Callable[[Event], None] = lambda _: None
    """Told at once of each event; must return at once."""
