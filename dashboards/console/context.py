"""What the pages are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from psycopg_pool import ConnectionPool

from alerts.people.links import Links
from dashboards.console.hub import Hub
from dashboards.console.watcher import Watcher
from quantrac.database.pool import Connection


@dataclass(frozen=True)
class Console:
    """What the pages need."""

    pool: ConnectionPool[Connection]
    hub: Hub
    watcher: Watcher
    clock: Callable[[], datetime]
    links: Links | None = None
    """What opens the links in mails; None: the settings name no public address."""
