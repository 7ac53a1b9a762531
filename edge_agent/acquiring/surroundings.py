"""What acquisition is given besides the station: clock, sources of the agent's own channels, orders, watchdog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edge_agent.acquiring.field_link import FieldLink
from edge_agent.control.orders import Orders
from edge_agent.health.housekeeping import Housekeeping
from edge_agent.health.watchdog import Watchdog
from edge_agent.instruments.samples import Clock
from edge_agent.records import Event


@dataclass(frozen=True, slots=True)
class Surroundings:
    """See the module."""

    clock: Clock
    keeping: Housekeeping
    orders: Orders = field(default_factory=Orders)
    watchdog: Watchdog = field(default_factory=lambda: Watchdog(None, None))
    on_event: Callable[[Event], None] = lambda _: None
    """Told at once of each event; must return at once."""
    link: FieldLink = field(default_factory=FieldLink)
    """By which other threads ask something of the instruments."""
