"""The environment of a command: settings, the configured network, a database, and the signals that end it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from quantrac.config.settings import Settings

if TYPE_CHECKING:
    from quantrac.config.loader import Proof
    from quantrac.config.network import Network
    from quantrac.database.pool import Connection


def configured_network(
    folder: Path | None = None, overlay: str | None = None, prove: Proof | None = None, *, rules_alone: bool = False
) -> Network:
    """Return the network of `folder` with `overlay`; where one is None, that of the settings. Raises ConfigErrors.

    `prove`, `rules_alone`: as of `load_network`.
    """
    from quantrac.config.loader import load_network

    settings = Settings()
    return load_network(folder or settings.config, overlay or settings.overlay, prove, rules_alone=rules_alone)


def database(service: str, command: str) -> Connection:
    """Connect to the database as a service may, under the name `quantrac <command>`; the audit says `command`.

    Raises MissingSetting, DatabaseUnreachable, NotMigrated.
    """
    from quantrac.database import audit
    from quantrac.database.migration import connect_migrated

    audit.begin(audit.Origin("command"))
    return connect_migrated(Settings().database(service), f"quantrac {command}")


def stop_on_signal(answer: str = "") -> threading.Event:
    """Return an event that SIGINT or SIGTERM sets from now on; the first one is answered on stderr at once."""
    stop = threading.Event()

    def ask(*_: object) -> None:
        if answer and not stop.is_set():
            os.write(sys.stderr.fileno(), f"\n{answer}\n".encode())  # a print may be what the signal interrupted
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    return stop


def run_until_signalled(run: Callable[[Settings, threading.Event], None]) -> None:
    """Run a service until SIGINT or SIGTERM, with the settings of the environment and logs set up."""
    from quantrac.observe import logs

    settings = Settings()
    logs.configure(settings.log)
    run(settings, stop_on_signal())
