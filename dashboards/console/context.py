"""The parts that all pages and requests share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from psycopg_pool import ConnectionPool

from alerts.telling.links import Links
from dashboards.console.hub import Hub
from dashboards.console.watcher import Watcher
from quantrac.database.pool import Connection


class StationCommand(Protocol):
    """Gives a station a command."""

    def __call__(
        self, conn: Connection, station: str, order: Mapping[str, Any], *, person: str, reason: str
    ) -> Mapping[str, Any]:
        """Return the station's answer; raises QuantracError where there is none."""
        ...


@dataclass(frozen=True)
class Console:
    """Database, stream, watcher and clock, and what the settings allow beside them."""

    pool: ConnectionPool[Connection]
    hub: Hub
    watcher: Watcher
    clock: Callable[[], datetime]
    links: Links | None = None
    """What opens the links in mails; None: the settings name no public address."""
    command: StationCommand | None = None
    """Gives stations commands; None: the settings name no keys."""
