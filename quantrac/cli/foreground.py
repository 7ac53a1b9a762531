"""Runs a service until SIGINT or SIGTERM: settings from the environment, logs set up, one event that says stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from quantrac.config.settings import Settings
from quantrac.observe import logs


def run_until_signalled(run: Callable[[Settings, threading.Event], None]) -> None:
    """Call a service's `run(settings, stop)`; the event is set by SIGINT or SIGTERM."""
    settings = Settings()
    logs.configure(settings.log)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(settings, stop)
