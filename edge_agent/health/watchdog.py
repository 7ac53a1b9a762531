"""Systemd's watchdog: datagrams to a Unix socket say that the agent is ready and its sweeps go on (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

Feed = Callable[[], None]


class Pulse:
    """Knows whether every task that should go round has done so since it was last asked. Pure."""

    def __init__(self) -> None:
        self._beaten: dict[str, bool] = {}

    def of(self, task: str) -> Feed:
        """Return what a task calls each time it has gone round: a sweep done, or an idle wait over."""
        self._beaten[task] = False

        def beat() -> None:
            if task in self._beaten:
                self._beaten[task] = True

        return beat

    def forget(self, task: str) -> None:
        """Forget a task that has ended on purpose."""
        self._beaten.pop(task, None)

    def take(self) -> bool:
        """Return whether all have gone round since this was last true."""
        if not all(self._beaten.values()):
            return False
        self._beaten = dict.fromkeys(self._beaten, False)
        return True


class SystemdWatchdog:
    """The service manager's socket; does nothing where there is none."""

    def __init__(self, address: str | None, interval_s: float | None) -> None:
        """`interval_s`: within this time systemd wants to hear from us, or restarts the agent; None: it does not."""
        self._address = address
        self.interval_s = interval_s
        self.pulse = Pulse()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read what systemd gives to a service of `Type=notify` (sd_watchdog_enabled(3))."""
        micros = environment.get("WATCHDOG_USEC", "")
        for_us = environment.get("WATCHDOG_PID") in (None, str(os.getpid()))
        wanted = for_us and micros.isdecimal() and int(micros) > 0
        return cls(environment.get("NOTIFY_SOCKET"), int(micros) / 1e6 if wanted else None)

    def ready(self) -> None:
        """Report that the agent reads and stores."""
        self._say("READY=1")

    def stopping(self) -> None:
        """Report that the agent ends on purpose."""
        self._say("STOPPING=1")

    def feed(self) -> bool:
        """Feed systemd's watchdog if every task has gone round since the last time; return whether."""
        if not self.pulse.take():
            return False
        self._say("WATCHDOG=1")
        return True

    def _say(self, message: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(message.encode(), address)
