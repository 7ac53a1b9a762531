"""A serial port as a line of bytes: write, read up to an end with a timeout, be quiet.

Reading is by the event loop's own reader on the port's file descriptor, so a byte is seen when it comes and waiting
costs nothing.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import serial

from edge_agent.misses import Garbled, LineDown, NoAnswer
from quantrac.config.fields import LineSettings

PTY_MAJORS: Final = range(136, 144)
"""Linux device numbers of pseudo-terminal slaves (Documentation/admin-guide/devices.txt)."""
LONGEST: Final = 4096
"""Bytes kept without a reader; more is noise."""
FACTORY: Final = LineSettings(9600, 8, "N", 1)


def port_settings(port: str, line: LineSettings | None) -> LineSettings:
    """Return the settings to open a port with.

    A pseudo terminal (socat, a serial-device server's driver) has no UART: Linux refuses parity and seven bits on it.
    """
    wanted = line or FACTORY
    try:
        is_pty = os.major(Path(port).stat().st_rdev) in PTY_MAJORS
    except OSError:
        return wanted
    return LineSettings(wanted.baud, 8, "N", 1) if is_pty else wanted


def check_port(port: str) -> None:
    """Raise LineDown with what to do if a port is not there or not ours to use."""
    if not Path(port).exists():
        raise LineDown(f"{port}: there is no such port; is the adapter plugged in?")
    if not os.access(port, os.R_OK | os.W_OK):
        raise LineDown(f"{port}: no right to use it; is this user in the group dialout?")


class SerialLine:
    """One serial port, used by the one task that owns its bus."""

    def __init__(self, port: str, line: LineSettings | None) -> None:
        self._port = port
        self._line = line
        self._serial: serial.Serial | None = None
        self._heard = bytearray()
        self._news = asyncio.Event()
        self.last_byte = 0.0
        """Loop time of the last byte."""

    async def open(self) -> None:
        """Open the port for ourselves alone; raises LineDown with the reason. Does nothing if it is open."""
        if self._serial is not None:
            return
        check_port(self._port)
        settings = port_settings(self._port, self._line)
        try:
            self._serial = serial.Serial(
                self._port, settings.baud, settings.bits, settings.parity, settings.stop, timeout=0, exclusive=True
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise LineDown(f"{self._port}: {error}") from error
        self._heard.clear()
        asyncio.get_running_loop().add_reader(self._serial.fileno(), self._readable)

    def close(self) -> None:
        """Close the port."""
        if self._serial is not None:
            asyncio.get_running_loop().remove_reader(self._serial.fileno())
            self._serial.close()
            self._serial = None

    def discard(self) -> bytes:
        """Return and forget what came unasked."""
        heard = bytes(self._heard)
        self._heard.clear()
        return heard

    def write(self, data: bytes) -> None:
        """Send bytes; raises LineDown. Requests are shorter than any driver's buffer, so this does not wait."""
        if self._serial is None:
            raise LineDown(f"{self._port}: not open")
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            self.close()
            raise LineDown(f"{self._port}: {error}") from error

    async def read_until(self, end: bytes, timeout_s: float, longest: int, more: int = 0) -> bytes:
        """Return what comes up to and including `end`, and `more` bytes behind it.

        Raises:
            NoAnswer: nothing came in time.
            Garbled: something came but no end, or more than `longest` bytes without one.
            LineDown: the port went away.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            if self._serial is None:
                raise LineDown(f"{self._port}: went away")
            at = self._heard.find(end)
            if at >= 0 and len(self._heard) >= at + len(end) + more:
                taken = bytes(self._heard[: at + len(end) + more])
                del self._heard[: len(taken)]
                return taken
            if at < 0 and len(self._heard) > longest:
                raise Garbled(f"more than {longest} bytes without an end: {self.discard()[:40]!r}")
            if not await self._wait_for_news(deadline):
                heard = self.discard()
                raise (
                    Garbled(f"only {heard[:40]!r} within {timeout_s:.1f} s")
                    if heard
                    else NoAnswer(f"no answer within {timeout_s:.1f} s")
                )

    async def be_quiet(self, guard_s: float, silence_s: float) -> bool:
        """Stay silent for `guard_s`, or until bytes came and then none for `silence_s`; drop what came.

        Returns whether anything came.
        """
        loop = asyncio.get_running_loop()
        end, came = loop.time() + guard_s, False
        while (now := loop.time()) < end:
            came = bool(self.discard()) or came
            if came and now - self.last_byte > silence_s:
                break
            await asyncio.sleep(min(0.02, end - now))
        self.discard()
        return came

    async def _wait_for_news(self, deadline: float) -> bool:
        self._news.clear()
        try:
            async with asyncio.timeout_at(deadline):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _readable(self) -> None:
        assert self._serial is not None
        try:
            data = self._serial.read(1024)
        except (serial.SerialException, OSError):
            self.close()
            self._news.set()
            return
        self._heard += data
        del self._heard[:-LONGEST]
        self.last_byte = asyncio.get_running_loop().time()
        self._news.set()
