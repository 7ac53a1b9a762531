"""The environment of a command: settings, the configured network, a database, and the signals that end it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from quantrac.config.settings import Settings

if TYPE_CHECKING:
    from quantrac.config.network import Network
    from quantrac.database.pool import Connection


def configured_network(folder: Path | None = None, overlay: str | None = None) -> Network:
    """Return the network of `folder` with `overlay`; where one is None, that of the settings. Raises ConfigErrors."""
    from quantrac.config.loader import load_network

    settings = Settings()
    return load_network(folder or settings.config, overlay or settings.overlay)


def database(service: str, command: str) -> Connection:
    """Connect to the database as a service may, under the name `quantrac <command>`.

    Raises MissingSetting, DatabaseUnreachable, NotMigrated.
    """
    from quantrac.database.migration import connect_migrated

    return connect_migrated(Settings().database(service), f"quantrac {command}")


def stop_on_signal() -> threading.Event:
    """Return an event that SIGINT or SIGTERM sets from now on."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_until_signalled(run: Callable[[Settings, threading.Event], None]) -> None:
    """Run a service until SIGINT or SIGTERM, with the settings of the environment and logs set up."""
    from quantrac.observe import logs

    settings = Settings()
    logs.configure(settings.log)
    run(settings, stop_on_signal())
