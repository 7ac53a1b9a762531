"""The service `console run`: the watcher in a thread, the pages in uvicorn."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import uvicorn

from alerts.telling.links import links_of
from dashboards.console.app import create_app
from dashboards.console.context import Console, StationCommand
from dashboards.console.hub import Hub
from dashboards.console.watcher import Watcher
from quantrac.config.settings import Settings
from quantrac.database.pool import Connection, open_pool
from quantrac.desks import commands as desk
from quantrac.observe.health import ListenError

COMMAND_WAIT_S: Final = 20.0
"""Longest wait of a page for a station's answer."""


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve the console on `settings.console_listen` until `stop` is set."""
    hub, url, listener = Hub(), settings.database("console"), _listen(settings.console_listen)
    watcher = Watcher(url, hub, clock, stop)
    with open_pool(url, "console") as pool:
        app = create_app(Console(pool, hub, watcher, clock, links_of(settings), command_of(settings)))
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, lifespan="on", timeout_graceful_shutdown=2
            )
        )
        watcher.start()
        thread = threading.Thread(target=server.run, args=([listener],), name="pages")
        thread.start()
        stop.wait()
        hub.close_threadsafe()
        server.should_exit = True
        thread.join()
        watcher.join()


def command_of(settings: Settings) -> StationCommand | None:
    """Return a function that gives stations commands, None where no file of keys is set."""
    if settings.command_keys is None:
        return None

    def command(
        conn: Connection, station: str, order: Mapping[str, Any], *, person: str, reason: str
    ) -> Mapping[str, Any]:
        link = desk.link_to(settings, station)
        return desk.give(conn, link, station, order, person=person, reason=reason, clock=clock, wait_s=COMMAND_WAIT_S)

    return command


def _listen(address: str) -> socket.socket:
    """Open the port here, so that one in use ends the command with a clear line."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), int(port)), family=family)
    except OSError as error:
        why = str(error.strerror or error).partition(" (while")[0]
        raise ListenError(f"cannot listen on {address}: {why}; choose another host:port") from error


def clock() -> datetime:
    """Return the server's time."""
    return datetime.now(UTC)
