"""The environment of a command: settings, the configured network, a database, and the signals that end it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quantrac.config.settings import Settings

if TYPE_CHECKING:
    from quantrac.config.loader import Proof
    from quantrac.config.network import Network
    from quantrac.database.pool import Connection

_ACTS: Final[dict[int, Callable[[], None]]] = {}
"""What each signal asks for; a process has one way to be told of signals."""


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

    def ask() -> None:
        if answer and not stop.is_set():
            with suppress(OSError):  # a terminal that was closed reads no answer
                os.write(sys.stderr.fileno(), f"\n{answer}\n".encode())
        stop.set()

    act_on_signals({signal.SIGINT: ask, signal.SIGTERM: ask})
    return stop


def act_on_signals(acts: Mapping[int, Callable[[], None]]) -> None:
    """Let a thread of its own do what each signal asks for, from now on; called by the main thread.

    Python runs a handler in the main thread once that runs again. Where the system gives the signal to another thread
    and the main one waits without a time, it never does: a service ignored SIGTERM. The system's own handler writes to
    a socket at once, whichever thread it runs in.
    """
    if not _ACTS:
        heard, told = socket.socketpair()
        told.setblocking(False)
        signal.set_wakeup_fd(told.detach(), warn_on_full_buffer=False)
        threading.Thread(target=_act_on, args=[heard], name="signals", daemon=True).start()
    _ACTS.update(acts)
    for number in acts:
        signal.signal(number, lambda *_: None)


def _act_on(heard: socket.socket) -> None:
    while numbers := heard.recv(64):
        for number in numbers:
            _ACTS.get(number, lambda: None)()


def run_until_signalled(run: Callable[[Settings, threading.Event], None]) -> None:
    """Run a service until SIGINT or SIGTERM, with the settings of the environment and logs set up."""
    from quantrac.observe import logs

    settings = Settings()
    logs.configure(settings.log)
    run(settings, stop_on_signal())
