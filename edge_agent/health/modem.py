"""Signal strength of the station's modem, by an AT port of its own (3GPP TS 27.007, 8.5: +CSQ)."""

from __future__ import annotations

import re
import termios
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

import serial

from edge_agent.readings.samples import NO_MEASUREMENT, Measured
from quantrac.config.stations import Modem
from quantrac.observe.logs import logger
from quantrac.telemetry.states import State

log = logger(__name__)

ASK_EVERY_S: Final = 60.0
TIMEOUT_S: Final = 2.0
ANSWER: Final = re.compile(rb"\+CSQ: (\d+),\d+")
UNKNOWN: Final = 99


def signal_of(answer: bytes) -> Measured:
    """Return the strength in dBm that an answer to AT+CSQ means: 0 is -113, each step 2 more; 99 is not known."""
    found = ANSWER.search(answer)
    if found is None:
        return NO_MEASUREMENT
    level = int(found[1])
    if level == UNKNOWN:
        return Measured(None, State.WARMUP)
    return Measured(-113.0 + 2.0 * level, State.OK) if level <= 31 else NO_MEASUREMENT


def modem_signal(closing: ExitStack, modem: Modem | None) -> Callable[[], Measured]:
    """Watch the modem's signal until `closing`, if the station has one; returns where to ask for it."""
    if modem is None:
        return lambda: NO_MEASUREMENT
    watch = ModemWatch(modem)
    watch.start()
    closing.callback(watch.stop)
    return watch.signal


class ModemWatch:
    """Asks again and again, in a thread of its own: a modem may hang."""

    def __init__(self, modem: Modem) -> None:
        self._modem = modem
        self._found = NO_MEASUREMENT
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modem", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join(TIMEOUT_S + 1)

    def signal(self) -> Measured:
        """Return the newest strength."""
        return self._found

    def ask(self) -> Measured:
        """Ask the modem now; fault when it cannot be asked."""
        try:
            with serial.Serial(
                self._modem.port, self._modem.baud, timeout=TIMEOUT_S, write_timeout=TIMEOUT_S, exclusive=True
            ) as port:
                port.reset_input_buffer()
                port.write(b"AT+CSQ\r")
                return signal_of(port.read_until(b"OK\r\n"))
        except (OSError, serial.SerialException, termios.error) as error:  # termios.error is no OSError
            log.debug("modem_read_failed", port=self._modem.port, error=str(error))
            return NO_MEASUREMENT

    def _run(self) -> None:
        while True:
            self._found = self.ask()
            if self._stop.wait(ASK_EVERY_S):
                return
