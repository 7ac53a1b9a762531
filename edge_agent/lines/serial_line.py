"""A serial port as a line of bytes.

Reading is by the event loop's own reader on the port's file descriptor, so a byte is seen when it comes and waiting
costs nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
from pathlib import Path
from typing import Final

import serial

from edge_agent.lines.byte_line import ByteLine
from edge_agent.readings.misses import LineDown
from quantrac.config.fields import LineSettings
from quantrac.config.stations import Rs485

PTY_MAJORS: Final = range(136, 144)
"""Linux device numbers of pseudo-terminal slaves (Documentation/admin-guide/devices.txt)."""
TIOCSRS485: Final = 0x542F
"""Asks the driver to switch a two-wire transceiver with RTS, by a `struct serial_rs485` (linux/serial.h)."""
ENABLED, RTS_ON_SEND, RTS_AFTER_SEND, RX_DURING_TX = 1, 2, 4, 16
FACTORY: Final = LineSettings(9600, 8, "N", 1)


def port_settings(port: str, line: LineSettings | None) -> LineSettings:
    """Return the settings to open a port with.

    A pseudo terminal (socat, a serial-device server's driver) has no UART: Linux refuses parity and seven bits on it.
    """
    wanted = line or FACTORY
    return LineSettings(wanted.baud, 8, "N", 1) if _is_pty(port) else wanted


def rs485_block(options: Rs485) -> bytes:
    """Return the kernel's block of the options: flags, two delays in ms, and five words of padding."""
    flags = ENABLED
    flags |= RTS_ON_SEND if options.rts_on_send else 0
    flags |= RTS_AFTER_SEND if options.rts_after_send else 0
    flags |= RX_DURING_TX if options.rx_during_tx else 0
    return struct.pack("=8I", flags, options.before_ms, options.after_ms, 0, 0, 0, 0, 0)


def set_direction(descriptor: int, port: str, options: Rs485 | None) -> None:
    """Let the driver of an open port switch an RS-485 transceiver, if asked to; raises LineDown if it cannot.

    A pseudo terminal has nothing to switch: on a bench it stands in the place of the port that has.
    """
    if options is None or _is_pty(port):
        return
    try:
        fcntl.ioctl(descriptor, TIOCSRS485, rs485_block(options))
    except OSError as error:
        raise LineDown(
            f"{port}: its driver has no RS-485 mode ({error.strerror}); "
            "leave out `rs485:` if the adapter switches its direction by itself"
        ) from error


def _is_pty(port: str) -> bool:
    try:
        return os.major(Path(port).stat().st_rdev) in PTY_MAJORS
    except OSError:
        return False


def check_port(port: str) -> None:
    """Raise LineDown with what to do if a port is not there or not ours to use."""
    if not Path(port).exists():
        raise LineDown(f"{port}: there is no such port; is the adapter plugged in?")
    if not os.access(port, os.R_OK | os.W_OK):
        raise LineDown(f"{port}: no right to use it; is this user in the group dialout?")


class SerialLine(ByteLine):
    """One serial port."""

    def __init__(self, port: str, line: LineSettings | None, direction: Rs485 | None = None) -> None:
        super().__init__(port)
        self._line = line
        self._direction = direction
        self._serial: serial.Serial | None = None

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._serial is not None

    async def open(self) -> None:
        """Open the port for ourselves alone; raises LineDown with the reason. Does nothing if it is open."""
        if self._serial is not None:
            return
        check_port(self._place)
        settings = port_settings(self._place, self._line)
        try:
            opened = serial.Serial(
                self._place, settings.baud, settings.bits, settings.parity, settings.stop, timeout=0, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise LineDown(f"{self._place}: {error}") from error
        try:
            set_direction(opened.fileno(), self._place, self._direction)
        except LineDown:
            opened.close()
            raise
        self._serial = opened
        self._forget()
        asyncio.get_running_loop().add_reader(opened.fileno(), self._readable)

    def close(self) -> None:
        """Close the port."""
        if self._serial is not None:
            asyncio.get_running_loop().remove_reader(self._serial.fileno())
            self._serial.close()
            self._serial = None

    def write(self, data: bytes) -> None:
        """Send bytes; raises LineDown."""
        if self._serial is None:
            raise LineDown(f"{self._place}: not open")
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            self.close()
            raise LineDown(f"{self._place}: {error}") from error

    def _readable(self) -> None:
        assert self._serial is not None
        try:
            data = self._serial.read(1024)
        except (serial.SerialException, OSError):
            self.close()
            self._went_away()
            return
        self._took(data)
