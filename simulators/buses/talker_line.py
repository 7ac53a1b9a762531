"""A line of instruments that send by themselves, each message at its own interval."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from simulators.buses.journal import ServedValue
from simulators.buses.line_server import LineServer
from simulators.buses.mount import Mount
from simulators.lines.serial_line import SerialLine


@dataclass(frozen=True)
class TalkerMessage:
    """One message as it goes on the line, and the values in it."""

    frame: bytes
    served: list[ServedValue]


class TalkingInstrument(Protocol):
    """An instrument that sends messages of several kinds, each at its interval."""

    @property
    def intervals_s(self) -> Mapping[str, float]:
        """Kinds of message and the seconds between two of a kind."""

    def message(self, kind: str, t: float) -> TalkerMessage:
        """The message of a kind at Unix time `t`."""


class TalkerLine(LineServer):
    """Talkers on one line; messages that fall together follow one another."""

    def __init__(
        self, line: SerialLine, mounts: Mapping[str, Mount[TalkingInstrument]], clock: Callable[[], float]
    ) -> None:
        super().__init__(line, clock)
        self._mounts = mounts
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def start(self) -> None:
        """Begin to talk, on the running event loop."""
        super().start()
        for address, mount in self._mounts.items():
            for kind in mount.instrument.intervals_s:
                self._plan(address, kind)

    def _receive(self, data: bytes) -> None:
        """A talker hears nothing."""

    def _plan(self, address: str, kind: str) -> None:
        interval_s, now = self._mounts[address].instrument.intervals_s[kind], self._clock()
        due = (math.floor(now / interval_s) + 1) * interval_s
        self._timers[address, kind] = self._loop.call_later(due - now, self._talk, address, kind)

    def _talk(self, address: str, kind: str) -> None:
        mount, t = self._mounts[address], self._clock()
        treatment = mount.asked(t)
        if treatment.mute:
            mount.keep_silent(t, b"", treatment)
        else:
            message = mount.instrument.message(kind, mount.seen(t))
            mount.record(t, message.served, treatment)
            self._send_text(mount, treatment, b"", message.frame)
        self._plan(address, kind)

    def stop(self) -> None:
        """Fall silent and unplug."""
        for timer in self._timers.values():
            timer.cancel()
        super().stop()
