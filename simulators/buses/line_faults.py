"""Faults of the line itself (unplugged, chatter, hang-up), checked many times a second."""

import inspect
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from simulators.buses.modbus_tcp import TcpSlaves
from simulators.buses.mount import Mount
from simulators.faults.fault import Fault
from simulators.lines.serial_line import PtyLine, SerialLine

TICK_S: Final = 0.02
LEAST_CHATTER, MOST_CHATTER = 4, 40


class LineFaults:
    """Brings one line into the state that the faults striking any of its instruments demand."""

    def __init__(self, line: SerialLine | TcpSlaves, mounts: Sequence[Mount[Any]], clock: Callable[[], float]) -> None:
        self._line, self._mounts, self._clock = line, mounts, clock
        self._chance = random.Random(f"line/{mounts[0].seed}/{mounts[0].place}")
        self._unplugged = False
        self._chatter_at = 0.0

    async def tick(self) -> None:
        """Bring the line into the state that the faults of this moment demand."""
        now = self._clock()
        faults = {fault.kind: fault for mount in self._mounts for fault in mount.in_force(now)}
        if ("unplug" in faults) != self._unplugged:
            self._unplugged = not self._unplugged
            done = self._line.unplug() if self._unplugged else self._line.plug()
            if inspect.isawaitable(done):
                await done
        if not isinstance(self._line, PtyLine):
            self._line.half_open = "half-open" in faults
            self._line.most = int(faults["connections"].low) if "connections" in faults else None
        if not isinstance(self._line, TcpSlaves):
            self._serial(self._line, faults, now)

    def _serial(self, line: SerialLine, faults: dict[str, Fault], now: float) -> None:
        line.echo = "echo" in faults
        line.pace(faults["baud"].low if "baud" in faults else None)
        chatter = faults.get("chatter")
        if chatter is not None and now >= self._chatter_at and not self._unplugged:
            self._chatter_at = now + self._chance.uniform(chatter.low, chatter.high)
            line.send(self._chance.randbytes(self._chance.randint(LEAST_CHATTER, MOST_CHATTER)))
