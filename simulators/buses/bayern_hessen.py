"""The Bayern-Hessen (Gesytec II) protocol on a serial line: `DA` asks for all values, `MD` answers.

A frame is STX, text, ETX and two hexadecimal characters: XOR of every byte from STX to ETX. A command ended by CR
carries none, and is answered in the same way.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simulators.buses.checksums import xor
from simulators.buses.journal import ServedValue
from simulators.buses.line_server import LineServer
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment
from simulators.lines.serial_line import SerialLine

STX, ETX, CR = b"\x02", b"\x03", b"\r"
LONGEST_TEXT = 120


@dataclass(frozen=True)
class ComponentValue:
    """One value of an `MD` reply: number of the component, value, status and error byte, serial number, spare field."""

    component: int
    value: float
    status: int
    error: int
    serial: str
    spare: str

    def text(self) -> str:
        """The block as it stands in the reply."""
        judged = f"{self.status:02X} {self.error:02X}"
        return f"{self.component:03d} {mantissa(self.value)} {judged} {self.serial} {self.spare}"


class HessenInstrument(Protocol):
    """An instrument of this protocol."""

    def blocks(self, t: float) -> tuple[list[ComponentValue], list[ServedValue]]:
        """All values at Unix time `t`."""

    def control(self, letter: str) -> None:
        """A command `ST`: measure, zero, span, stand by."""


def mantissa(value: float) -> str:
    """Four digits with the point after the first, and a power of ten: 25.78 is `+2578+01`; zero is `+0000+00`."""
    if value == 0:
        return "+0000+00"
    digits, exponent = f"{value:+.3e}".split("e")
    return f"{digits.replace('.', '')}{int(exponent):+03d}"


def rounded(value: float) -> float:
    """The value as `mantissa` keeps it."""
    return float(f"{value:.3e}")


def framed(text: str, with_checksum: bool = True) -> bytes:
    """The text in its frame."""
    body = STX + text.encode("ascii")
    return body + ETX + xor(body + ETX) if with_checksum else body + CR


class HessenLine(LineServer):
    """One instrument on one line. With an address it answers `DA` with that address, and `DA` without any."""

    def __init__(self, line: SerialLine, mount: Mount[HessenInstrument], clock: Callable[[], float]) -> None:
        super().__init__(line, clock)
        self._mount = mount
        self._buffer = b""

    def _receive(self, data: bytes) -> None:
        self._buffer = (self._buffer + data)[-(LONGEST_TEXT + 8) :]
        while (command := self._take()) is not None:
            self._command(*command)

    def _take(self) -> tuple[str, bool] | None:
        """The next whole command, and whether it carried a checksum; frames with a wrong one are dropped."""
        while (start := self._buffer.find(STX)) >= 0:
            self._buffer = self._buffer[start:]
            if match := re.match(rb"\x02([^\x02\x03\r]*)\r", self._buffer):
                self._buffer = self._buffer[match.end() :]
                return match[1].decode("ascii", "replace"), False
            match = re.match(rb"(\x02([^\x02\x03\r]*)\x03)(..)", self._buffer, re.DOTALL)
            if match is None:
                return None
            self._buffer = self._buffer[match.end() :]
            if match[3].upper() == xor(match[1]):
                return match[2].decode("ascii", "replace"), True
        return None

    def _command(self, text: str, with_checksum: bool) -> None:
        mount = self._mount
        if match := re.fullmatch(r"DA ?(\d{0,3})", text):
            if match[1] in ("", mount.address):
                self._ask(mount, text, lambda treatment: self._answer(text, with_checksum, treatment))
        elif match := re.fullmatch(r"ST ?(\d{0,3}) ([A-Z])", text):
            mount.instrument.control(match[2])

    def _answer(self, command: str, with_checksum: bool, treatment: Treatment) -> None:
        t, mount = self._clock(), self._mount
        blocks, served = mount.instrument.blocks(mount.seen(t))
        mount.record(t, served, treatment)
        text = f"MD{len(blocks):02d} " + " ".join(block.text() for block in blocks) + " "
        self._send_text(mount, treatment, command.encode(), framed(text, with_checksum))
