"""The dialogue with a GSM modem on its serial port: commands, answers, lines unasked (3GPP TS 27.005, 27.007)."""

from __future__ import annotations

import re
import termios
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import serial

from quantrac.telemetry.errors import QuantracError

PORT_GONE: Final = (serial.SerialException, OSError, termios.error)
"""What pyserial lets through when the modem is pulled out; termios.error is no OSError."""

COMMAND_S: Final = 5.0
PROMPT_S: Final = 5.0
SUBMIT_S: Final = 60.0
"""A network may take so long over a submit; the answer of a slow one must not be taken for none."""
READ_S: Final = 0.05
ESCAPE, END = b"\x1b", b"\x1a"
PROMPT: Final = "> "
RESTARTED: Final = ("RDY", "^SYSSTART", "+CFUN: 1", "PB DONE")
"""What modems say after a restart, having forgotten their settings."""
DIRECT_REPORT, STORED_MESSAGE = "+CDS:", "+CMTI:"
REFUSAL: Final = re.compile(r"\+CM[SE] ERROR: *(\d+)")


class ModemError(QuantracError):
    """The dialogue came to no good end."""


class NoPort(ModemError):
    """The port is not there, in use, or was pulled out."""


class ModemSilent(ModemError):
    """The modem said nothing in time, or restarted in between."""


class ModemRefused(ModemError):
    """The modem said no; `code` is that of +CMS ERROR or +CME ERROR, None for a bare ERROR."""

    def __init__(self, command: str, code: int | None) -> None:
        super().__init__(f"{command}: {'ERROR' if code is None else f'error {code}'}")
        self.code = code


class AtDialogue:
    """One open port. Not for several threads."""

    def __init__(self, path: str, baud: int = 115_200, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            self._port = serial.Serial(path, baud, timeout=READ_S, write_timeout=COMMAND_S, exclusive=True)
        except (*PORT_GONE, ValueError) as error:
            raise NoPort(f"{path}: {error}") from error
        self._clock = clock
        self._buffer = b""
        self._report_follows = False
        self.reports: deque[str] = deque()
        """PDUs of status reports that came unasked."""
        self.has_mail = False
        """A message came in and lies in the store."""
        self.has_restarted = False

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def listen(self) -> None:
        """Take in what has come unasked."""
        while (line := self._line(0.0)) is not None:
            self._unasked(line)

    def settle(self, patience_s: float = COMMAND_S) -> None:
        """Bring both sides into step: leave a prompt, drop answers to what was asked long ago. Raises ModemSilent."""
        self._write(ESCAPE)
        end = self._clock() + patience_s
        while self._clock() < end:
            self._write(b"\rAT\r")
            if self._quiet_after_ok():
                self.has_restarted = False
                return
        raise ModemSilent("the modem does not answer AT")

    def command(self, text: str, timeout_s: float = COMMAND_S, *, needs: str = "") -> list[str]:
        """Give a command and return the lines before its OK; `needs`: what one of them begins with.

        An OK without it is that of an older command, which came late. Raises ModemRefused, ModemSilent, NoPort.
        """
        self._write(text.encode() + b"\r")
        return self._answer(text, timeout_s, needs)

    def submit(
        self,
        pdu: str,
        length: int,
        begin: Callable[[], None],
        timeout_s: float = SUBMIT_S,
        prompt_s: float = PROMPT_S,
    ) -> int:
        """Give one message to the network and return its reference (TP-MR).

        `begin` is called when the modem is ready for the message, before its last byte: what fails earlier has not been
        sent. Raises ModemRefused; ModemSilent and NoPort after `begin` mean that nobody can know.
        """
        self._write(f"AT+CMGS={length}\r".encode())
        self._await_prompt(prompt_s)
        begin()
        self._write(pdu.encode() + END)
        lines = self._answer("AT+CMGS", timeout_s, needs="+CMGS:")
        return int(next(line for line in lines if line.startswith("+CMGS:")).partition(":")[2].split(",")[0])

    def _await_prompt(self, prompt_s: float) -> None:
        end = self._clock() + prompt_s
        while (left := end - self._clock()) > 0:
            line = self._line(left, or_prompt=True)
            if line == PROMPT:
                return
            if line is not None:
                self._refuse("AT+CMGS", line)
                self._unasked(line)
        self._write(ESCAPE)
        raise ModemSilent("the modem gave no prompt")

    def _answer(self, command: str, timeout_s: float, needs: str = "") -> list[str]:
        lines: list[str] = []
        end = self._clock() + timeout_s
        while (left := end - self._clock()) > 0:
            line = self._line(left)
            if line is None or line == command:  # its echo
                continue
            self._refuse(command, line)
            if line == "OK":
                if not needs or any(one.startswith(needs) for one in lines):
                    return lines
                continue  # the end of an older answer
            if not self._unasked(line):
                lines.append(line)
            if self.has_restarted:
                raise ModemSilent(f"{command}: the modem restarted")
        if needs and any(one.startswith(needs) for one in lines):
            return lines  # the reference came, only its OK is missing
        raise ModemSilent(f"{command}: no answer in {timeout_s:g} s")

    def _quiet_after_ok(self) -> bool:
        """Whether an OK came, and after it nothing more."""
        answered = False
        while (line := self._line(0.3)) is not None:
            answered = answered or line == "OK"
            self._unasked(line)
        return answered

    def _refuse(self, command: str, line: str) -> None:
        found = REFUSAL.fullmatch(line)
        if found is not None or line == "ERROR":
            raise ModemRefused(command, None if found is None else int(found[1]))

    def _unasked(self, line: str) -> bool:
        """Keep what a line that nobody asked for says; False: it is an answer."""
        if self._report_follows:
            self.reports.append(line)
            self._report_follows = False
        elif line.startswith(DIRECT_REPORT):
            self._report_follows = True
        elif line.startswith(STORED_MESSAGE):
            self.has_mail = True
        elif line in RESTARTED:
            self.has_restarted = True
        else:
            return False
        return True

    def _line(self, timeout_s: float, *, or_prompt: bool = False) -> str | None:
        """Return the next line that is not empty, or the prompt; None: none came in time."""
        end = self._clock() + timeout_s
        while True:
            line, separator, rest = self._buffer.partition(b"\n")
            if separator:
                self._buffer = rest
                if text := line.decode("latin-1").strip():
                    return text
            elif or_prompt and self._buffer.lstrip(b"\r\n ").startswith(b">"):
                self._buffer = b""
                return PROMPT
            elif not self._read_more() and self._clock() >= end:
                return None

    def _read_more(self) -> bool:
        try:
            data = self._port.read(max(1, self._port.in_waiting))
        except (*PORT_GONE, TypeError) as error:
            raise NoPort(f"{self._port.port}: {error}") from error
        self._buffer += data
        return bool(data)

    def _write(self, data: bytes) -> None:
        try:
            self._port.write(data)
            self._port.flush()
        except PORT_GONE as error:
            raise NoPort(f"{self._port.port}: {error}") from error
