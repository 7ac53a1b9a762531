"""The service `console run`: the watcher in a thread, the pages in uvicorn."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from alerts.telling.links import links_of
from dashboards.console.app import create_app
from dashboards.console.connections import most_connections, protocol_of
from dashboards.console.context import AdmissionRules, Console, StationCommand, StationPush
from dashboards.console.guard import headers, hosts_of
from dashboards.console.hub import Hub
from dashboards.console.limit_lines import RuleBook
from dashboards.console.public_reader import PublicReader
from dashboards.console.rule_library import RuleLibrary
from dashboards.console.tide_table import TideTable
from dashboards.console.watcher import Watcher
from quantrac.config.config_folder import ConfigFolder
from quantrac.config.loader import load_settings
from quantrac.config.network import MapTiles, Network
from quantrac.config.settings import Settings
from quantrac.config.stations import Station
from quantrac.database.pool import Connect, open_pool, open_reading_pool
from quantrac.desks import commands as desk
from quantrac.observe.health import ListenError
from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError

log = logger(__name__)

STATEMENT_S: Final = 30
"""Longest statement for a page: people ask what they like, and the pool is small."""
API_CONNECTIONS: Final = 3
API_WAITING: Final = 8
"""Programs that may wait for one of them: they leave threads to pages."""
API_S: Final = 10
"""Longest statement for a program."""
PUBLIC_END_S: Final = 1.0
"""Longest wait for the reader of the public pages at the end: what it reads then is for nobody."""
COMMAND_WAIT_S: Final = 60.0
"""Longest wait of a page for a station's answer, that of `quantrac commands`: to read all of a busy line takes 20 s."""
PUSH_WITHIN_S: Final = 300.0
"""Time in which a station must deliver with a new configuration what it did before, or takes it back."""


def run(settings: Settings, stop: threading.Event) -> None:
    """Serve the console on `settings.console_listen` until `stop` is set."""
    hub, url, listener = Hub(), settings.database("console"), _listen(settings.console_listen)
    watcher, book = Watcher(url, hub, clock, stop), RuleBook(settings.config, settings.overlay)
    reader = PublicReader(settings.public_database_url or url, lambda: network_of(book.library()))
    of_programs = settings.api_database_url or url
    with (
        open_pool(url, "console", timeout_s=STATEMENT_S) as pool,
        open_reading_pool(of_programs, "api", most=API_CONNECTIONS, timeout_s=API_S, waiting=API_WAITING) as readers,
    ):
        console = Console(
            pool, hub, watcher, clock, AdmissionRules.of(settings), links_of(settings), command_of(settings),
            grafana=settings.grafana_page(), tiles=tiles_of(settings),
            tides=TideTable(settings.config, settings.overlay), limits=book.of,
            library=book.library,
            files=ConfigFolder(settings.config, settings.overlay), editable=settings.config_editable,
            push=push_of(settings), readers=readers, public=reader, public_rate=settings.public_rate,
            public_url=None if settings.public_url is None else settings.public_url.rstrip("/"),
        )  # fmt: skip
        hosts = hosts_of(f"//{settings.console_listen}", settings.public_url, names=settings.console_hosts)
        server = server_of(create_app(console, hosts), most_connections(), console.tiles)
        watcher.start()
        threads = [
            threading.Thread(target=server.run, args=([listener],), name="pages"),
            threading.Thread(target=book.follow, args=(clock, stop), name="limits"),
        ]
        public = threading.Thread(target=reader.follow, args=(clock, stop), name="public", daemon=True)
        for thread in (*threads, public):
            thread.start()
        stop.wait()
        hub.close_threadsafe()
        server.should_exit = True
        for thread in threads:
            thread.join()
        watcher.join()
        public.join(PUBLIC_END_S)


def network_of(library: RuleLibrary | None) -> Network | None:
    """Return the network of the files in force; None: no files could be read."""
    return None if library is None else library.network


def tiles_of(settings: Settings) -> MapTiles | None:
    """Return the tiles that network.yaml names; None: it names none, or cannot be read."""
    try:
        return load_settings(settings.config, settings.overlay).map
    except (QuantracError, OSError) as error:
        log.warning("tiles_not_read", why=str(error).partition("\n")[0])
        return None


def server_of(app: FastAPI, most: int, tiles: MapTiles | None = None) -> uvicorn.Server:
    """Return a server of the pages that holds at most so many connections; `tiles`: whose pictures the map may ask."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=protocol_of(most),
            ws="none",
            headers=headers(None if tiles is None else tiles.origin),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=2,
        )
    )


def command_of(settings: Settings) -> StationCommand | None:
    """Return a function that gives stations commands, None where no file of keys is set."""
    if settings.command_keys is None:
        return None

    def command(
        connect: Connect, station: str, order: Mapping[str, Any], *, person: str, reason: str
    ) -> Mapping[str, Any]:
        link = desk.link_to(settings, station)
        return desk.give(
            connect, link, station, order, person=person, reason=reason, clock=clock, wait_s=COMMAND_WAIT_S
        )

    return command


def push_of(settings: Settings) -> Callable[[str], StationPush] | None:
    """Return a function that makes the link by which a station is sent its configuration, None without a key file."""
    if settings.command_keys is None:
        return None

    def linked(name: str) -> StationPush:
        link = desk.link_to(settings, name)

        def push(connect: Connect, station: Station, *, person: str, reason: str) -> Mapping[str, Any]:
            return desk.push(connect, link, station, person=person, reason=reason, clock=clock, within_s=PUSH_WITHIN_S)

        return push

    return linked


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
