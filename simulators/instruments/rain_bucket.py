"""The cheap RS-485 tipping bucket: holding register 0 counts tenths of a millimetre.

It goes on from 0 after 65535, and forgets at each loss of power. It rains evenly here, so that what fell is known
without the gauge.
"""

from simulators.instruments.registers import Bank, Cell, Words
from simulators.journal import Served
from simulators.modbus_server import READ_HOLDING
from simulators.mount import ScriptClock

MODULUS = 1 << 16


class RainBucket:
    """The gauge: `count` when it is first read, then `rate` counts a second, off and on again after `reboot_s`."""

    def __init__(self, script: ScriptClock, count: int, rate: float, reboot_s: float | None) -> None:
        self._script, self._count, self._rate, self._reboot_s = script, count, rate, reboot_s
        self.areas = {READ_HOLDING: Bank([Cell(0, 1, self._register)], [(0, 1)])}

    def _register(self, t: float) -> tuple[Words, Served]:
        elapsed = max(0.0, self._script.elapsed(t))
        if self._reboot_s is not None and elapsed >= self._reboot_s:
            count = int((elapsed - self._reboot_s) * self._rate)
        else:
            count = (self._count + int(elapsed * self._rate)) % MODULUS
        return (count,), Served("rain", count / 10, "mm")
