"""Base of the serial protocol servers: listens on a line, sends answers through the faults in force."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from simulators.buses.journal import Exchange
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment
from simulators.lines.serial_line import SerialLine


class LineServer(ABC):
    """The instruments' end of one serial line; `clock` gives Unix seconds."""

    def __init__(self, line: SerialLine, clock: Callable[[], float]) -> None:
        self._line, self._clock = line, clock

    def start(self) -> None:
        """Listen, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._line.open(self._receive)

    @abstractmethod
    def _receive(self, data: bytes) -> None:
        """Take what came over the line."""

    def _ask(self, mount: Mount[Any], request: str, answer: Callable[[Treatment], None], more_s: float = 0.0) -> None:
        """Have an instrument answer a command, if it hears it, when it has thought, and `more_s` later."""
        now = self._clock()
        treatment = mount.asked(now)
        if not mount.hear(now) or treatment.mute:
            mount.keep_silent(now, request.encode(), treatment)
        else:
            self._loop.call_later(treatment.wait_s + more_s, answer, treatment)

    def _send_text(
        self,
        mount: Mount[Any],
        treatment: Treatment,
        request: bytes,
        made: bytes,
        put: Callable[[bytes], None] | None = None,
    ) -> None:
        """Send an answer in text as its faults leave it, or hang up instead; `put` carries it to the line."""
        if treatment.hit_by("hangup"):
            self._line.hang_up()
            return
        exchange = Exchange(self._clock(), request, made, treatment.damaged(made, text=True))
        mount.send(put or self._line.send, treatment, exchange)

    def stop(self) -> None:
        """Unplug."""
        self._line.close()
