"""Rain as counted tips: an RS-485 tipping bucket, and an I/O module that counts the pulses of a bucket's contact.

The bucket counts tenths of a millimetre in holding register 0. The module has eight contacts (function 02) and a
counter of sixteen bits behind each (function 04, registers 0 to 7). Both go on from 0 after 65535, and forget at each
loss of power. It rains evenly here, so that what fell is known without the gauge. On the module's input 0 is a door
that rattles from the fourth to the ninth second and is opened in the twelfth; its contact is closed while it is shut.
"""

from collections.abc import Callable

from simulators.buses.journal import ServedValue
from simulators.buses.modbus import READ_DISCRETE, READ_HOLDING, READ_INPUT
from simulators.instruments.registers import Bank, Producer, RegisterCell, Words, bit
from simulators.signals.script import ScriptClock

MODULUS = 1 << 16
INPUTS = 8
RATTLE_S, STILL_S, OPENED_S = 4.0, 9.0, 12.0


class PulseCounter:
    """A counter of sixteen bits: `count` when it is first read, then `rate` a second, off and on after `reboot_s`."""

    def __init__(self, script: ScriptClock, count: int, rate: float, reboot_s: float | None) -> None:
        self._script, self._count, self._rate, self._reboot_s = script, count, rate, reboot_s
        self._since = 0.0

    def restart(self, count: int, t: float) -> None:
        """It stands at `count` at Unix time `t`, and goes on from there."""
        self._count, self._since, self._reboot_s = count, self._script.elapsed(t), None

    def at(self, t: float) -> int:
        """Return the count at Unix time `t`."""
        elapsed = max(0.0, self._script.elapsed(t) - self._since)
        if self._reboot_s is not None and elapsed >= self._reboot_s:
            return int((elapsed - self._reboot_s) * self._rate)
        return (self._count + int(elapsed * self._rate)) % MODULUS


class RainBucket:
    """The gauge: a `PulseCounter` of tenths of a millimetre."""

    def __init__(self, script: ScriptClock, count: int, rate: float, reboot_s: float | None) -> None:
        self._counter = PulseCounter(script, count, rate, reboot_s)
        self.restart = self._counter.restart
        self.areas = {READ_HOLDING: Bank([RegisterCell(0, 1, self._register)], [(0, 1)])}

    def _register(self, t: float) -> tuple[Words, ServedValue]:
        count = self._counter.at(t)
        return (count,), ServedValue("rain", count / 10, "mm")


class PulseModule:
    """The module: a door on input 0, the bucket's contact on input 3."""

    def __init__(self, script: ScriptClock, count: int, rate: float, reboot_s: float | None) -> None:
        self._script = script
        counter = PulseCounter(script, count, rate, reboot_s)
        self.restart = counter.restart
        counts = [RegisterCell(number, 1, _counted(counter if number == 3 else None)) for number in range(INPUTS)]
        contacts = [bit(number, self._contact(number)) for number in range(INPUTS)]
        self.areas = {
            READ_DISCRETE: Bank(contacts, [(0, INPUTS - 1)]),
            READ_INPUT: Bank(counts, [(0, INPUTS - 1)]),
        }

    def _contact(self, number: int) -> Callable[[float], tuple[bool, ServedValue | None]]:
        def holds(t: float) -> tuple[bool, ServedValue | None]:
            if number:
                return False, None
            elapsed = self._script.elapsed(t)
            rattles = RATTLE_S <= elapsed < STILL_S and int(elapsed) % 2 == 0
            is_open = elapsed >= OPENED_S or rattles
            return not is_open, ServedValue("door", float(is_open), "1")

        return holds


def _counted(counter: PulseCounter | None) -> Producer:
    def produce(t: float) -> tuple[Words, ServedValue | None]:
        return ((0,), None) if counter is None else ((counter.at(t),), ServedValue("count_3", counter.at(t), "1"))

    return produce
