"""A line with one instrument that answers commands, each ended by CR, with a telegram."""

from collections.abc import Callable
from typing import Protocol

from simulators.buses.journal import ServedValue
from simulators.buses.line_server import LineServer
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment
from simulators.lines.serial_line import SerialLine

LONGEST_COMMAND = 64


class TelegramInstrument(Protocol):
    """An instrument that answers commands."""

    def answer(self, command: str, t: float) -> tuple[bytes, list[ServedValue]]:
        """The telegram that answers a command (without its CR) at Unix time `t`, empty if none, and its values."""


class TelegramLine(LineServer):
    """The instrument's end of the line."""

    def __init__(self, line: SerialLine, mount: Mount[TelegramInstrument], clock: Callable[[], float]) -> None:
        super().__init__(line, clock)
        self._mount = mount
        self._buffer = b""

    def _receive(self, data: bytes) -> None:
        self._buffer = (self._buffer + data)[-LONGEST_COMMAND:]
        while (end := self._buffer.find(b"\r")) >= 0:
            command, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
            self._command(command.decode("ascii", "replace").strip())

    def _command(self, command: str) -> None:
        self._ask(self._mount, command, lambda treatment: self._answer(command, treatment))

    def _answer(self, command: str, treatment: Treatment) -> None:
        t = self._clock()
        telegram, served = self._mount.instrument.answer(command, self._mount.seen(t))
        if telegram:
            self._mount.record(t, served, treatment)
            self._send_text(self._mount, treatment, command.encode(), telegram)
