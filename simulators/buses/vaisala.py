"""The polled ASCII protocol of Vaisala's WXT transmitters on a serial line, plain and with CRC.

`0R0` and its kin end with CR LF. In lower case (`0r1Goe`) command and reply carry the three CRC characters of SDI-12.
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from simulators.buses.checksums import crc_characters
from simulators.buses.journal import ServedValue
from simulators.buses.line_server import LineServer
from simulators.buses.mount import Mount
from simulators.faults.treatment import Treatment
from simulators.lines.serial_line import SerialLine

LONGEST_COMMAND = 64


class WeatherTransmitter(Protocol):
    """A transmitter that answers polls."""

    def message(self, kind: str, t: float) -> tuple[list[str], list[ServedValue]]:
        """The fields of data message `kind` (`1` wind, `2` pressure to humidity, `3` rain, `5` supervisor, `0` all)."""


class WxtLine(LineServer):
    """Transmitters on one line."""

    def __init__(
        self, line: SerialLine, mounts: Mapping[str, Mount[WeatherTransmitter]], clock: Callable[[], float]
    ) -> None:
        super().__init__(line, clock)
        self._mounts = mounts
        self._buffer = b""

    def _receive(self, data: bytes) -> None:
        self._buffer = (self._buffer + data)[-LONGEST_COMMAND:]
        while (end := self._buffer.find(b"\r\n")) >= 0:
            command, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            self._command(command.decode("ascii", "replace"))

    def _command(self, command: str) -> None:
        mount = self._mounts.get(command[:1])
        if command == "?" and len(self._mounts) == 1:
            mount = next(iter(self._mounts.values()))
            command = mount.address
        if mount is not None:
            self._ask(mount, command, lambda treatment: self._answer(mount, command, treatment))

    def _answer(self, mount: Mount[WeatherTransmitter], command: str, treatment: Treatment) -> None:
        t = self._clock()
        text, served = reply(mount.instrument, mount.address, command, mount.seen(t))
        mount.record(t, served, treatment)
        self._send_text(mount, treatment, command.encode(), text.encode("ascii") + b"\r\n")


def reply(transmitter: WeatherTransmitter, address: str, command: str, t: float) -> tuple[str, list[ServedValue]]:
    """The line that answers a command (without CR LF), and the values in it."""
    body = command[1:]
    if body == "":
        return address, []
    if match := re.fullmatch(r"R([01235]?)", body):
        fields, served = transmitter.message(match[1] or "0", t)
        return ",".join([f"{address}R{match[1]}", *fields]), served
    if match := re.fullmatch(r"r([01235]?)(...)", body):
        if crc_characters(f"{address}r{match[1]}") != match[2]:
            return _with_crc(f"{address}tX,Use chksum {crc_characters(f'{address}r{match[1]}')}"), []
        fields, served = transmitter.message(match[1] or "0", t)
        return _with_crc(",".join([f"{address}r{match[1]}", *fields])), served
    return f"{address}TX,Unknown cmd error", []


def _with_crc(text: str) -> str:
    return text + crc_characters(text)
