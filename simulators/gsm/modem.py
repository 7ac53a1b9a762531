"""A GSM modem on a pseudo-terminal, after 3GPP TS 27.005 and 27.007: PDU mode, status reports, stored messages, faults.

`log` holds what went on the air. A command is answered only when the one before it is: a modem that waits for the
network hears nothing.
"""

import contextlib
import os
import pty
import select
import threading
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from simulators.gsm.pdu import CENTRE, Aired, deliver, read_submit, status_report

RESTART_S = 0.3
"""Time without power at a restart."""


@dataclass
class Faults:
    """The faults that are switched on; counters count down."""

    refuse: int = 0
    refuse_code: int = 38
    no_prompt: int = 0
    lose_answer: int = 0
    late_answer_s: float = 0.0
    restart_in_submit: int = 0
    pull_in_submit: int = 0
    signal: int = 21
    pin: bool = False
    report: int | None = 0
    """TP-ST of status reports; None: none come."""


@dataclass
class _Power:
    """The state that is lost when the modem restarts."""

    echo: bool = True
    reports: bool = False
    tells_mail: bool = False
    length: int | None = None
    """Of the PDU that a prompt waits for."""
    buffer: bytes = b""


@dataclass
class GsmModem:
    """The modem; `link` is a name that leads to its port, whatever pseudo-terminal it is at the moment."""

    link: Path
    clock: Callable[[], float]
    faults: Faults = field(default_factory=Faults)
    log: list[Aired] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._power, self._store, self._reference = _Power(), dict[int, bytes](), 0
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._deaf_until, self._master, self._slave = 0.0, -1, -1
        self._lock, self._stop = threading.RLock(), threading.Event()
        self.plug_in()
        self._thread = threading.Thread(target=self._run, name="gsm-modem", daemon=True)
        self._thread.start()

    # --- what a test does to it ---

    def plug_in(self) -> None:
        """Appear under the same name."""
        with self._lock:
            self._master, self._slave = pty.openpty()
            tty.setraw(self._slave)
            new = self.link.with_suffix(".new")
            new.unlink(missing_ok=True)
            new.symlink_to(os.ttyname(self._slave))
            new.replace(self.link)

    def pull_out(self) -> None:
        """Vanish, with power."""
        with self._lock:
            for end in (self._master, self._slave):
                os.close(end)
            self._master = -1
            self.link.unlink(missing_ok=True)
            self._power = _Power()

    def be_silent(self, seconds: float) -> None:
        """Hear and say nothing."""
        self._deaf_until = time.monotonic() + seconds

    def restart(self) -> None:
        """Lose power for RESTART_S, then say RDY."""
        with self._lock:
            self.be_silent(RESTART_S)
            self._power = _Power()
            self._after(RESTART_S + 0.05, lambda: self._say("RDY"))

    def receive(self, sender: str, text: str) -> None:
        """Get a message from a telephone."""
        with self._lock:
            place = next(i for i in range(1, 1000) if i not in self._store)
            self._store[place] = deliver(sender, text, self.clock())
            if self._power.tells_mail:
                self._say(f'+CMTI: "SM",{place}')

    @property
    def stored(self) -> int:
        """How many messages lie in its store."""
        return len(self._store)

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing more to say or do by itself."""
        with self._lock:
            return not self._later

    def close(self) -> None:
        """Switch it off for good."""
        self._stop.set()
        self._thread.join()
        if self._master >= 0:
            self.pull_out()

    # --- the line ---

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                due = [work for at, work in self._later if at <= time.monotonic()]
                self._later = [one for one in self._later if one[0] > time.monotonic()]
                for work in due:
                    work()
                master = self._master
            if master < 0:
                time.sleep(0.01)
                continue
            with contextlib.suppress(OSError, ValueError):
                if select.select([master], [], [], 0.01)[0]:
                    data = os.read(master, 4096)
                    with self._lock:
                        self._hear(data)

    def _after(self, seconds: float, work: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, work))

    def _put(self, data: bytes) -> None:
        if self._master >= 0 and time.monotonic() >= self._deaf_until:
            os.write(self._master, data)

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._put(f"\r\n{line}\r\n".encode())

    def _hear(self, data: bytes) -> None:
        if time.monotonic() < self._deaf_until:
            return
        if self._power.echo:
            self._put(data)
        self._power.buffer += data
        while self._next():
            pass

    def _next(self) -> bool:
        """Take one command, or the PDU that a prompt waits for, from what was heard."""
        power = self._power
        if power.length is None:
            line, separator, rest = power.buffer.partition(b"\r")
            if not separator:
                return False
            power.buffer = rest
            command = line.decode("latin-1").strip("\n\x1a\x1b ")
            if command:
                self._obey(command)
            return True
        ends = [at for at in (power.buffer.find(b"\x1a"), power.buffer.find(b"\x1b")) if at >= 0]
        if not ends:
            return False
        at = min(ends)
        text, end, power.buffer = power.buffer[:at], power.buffer[at : at + 1], power.buffer[at + 1 :]
        length, power.length = power.length, None
        if end == b"\x1a":
            self._submit(bytes.fromhex(text.decode().strip()), length)
        else:
            self._say("OK")
        return True

    # --- commands ---

    def _obey(self, command: str) -> None:
        name, _, value = command.upper().partition("=")
        if self.faults.pin and name.startswith(("AT+CM", "AT+CN")) and name != "AT+CMEE":
            self._say("+CMS ERROR: 311")
        elif name == "AT+CMGS":
            if self.faults.no_prompt > 0:
                self.faults.no_prompt -= 1
                return
            self._power.length = int(value)
            self._put(b"\r\n> ")
        elif name == "AT+CMGL":
            for place, pdu in sorted(self._store.items()):
                self._say(f"+CMGL: {place},1,,{len(pdu) - len(CENTRE)}", pdu.hex().upper())
            self._say("OK")
        elif name == "AT+CMGD":
            self._say("OK" if self._store.pop(int(value), None) else "+CMS ERROR: 321")
        else:
            self._say(*self._simple(name, value))

    def _simple(self, name: str, value: str) -> tuple[str, ...]:
        if name.startswith("ATE"):
            self._power.echo = name != "ATE0"
        elif name == "AT+CNMI":
            mode = [int(one) for one in value.split(",")]
            self._power.tells_mail, self._power.reports = mode[1] == 1, mode[3] == 1
        elif name == "AT+CPIN?":
            return f"+CPIN: {'SIM PIN' if self.faults.pin else 'READY'}", "OK"
        elif name == "AT+CREG?":
            return "+CREG: 0,1", "OK"
        elif name == "AT+CSQ":
            return f"+CSQ: {self.faults.signal},99", "OK"
        elif name not in ("AT", "AT+CMEE", "AT+CMGF"):
            return ("ERROR",)
        return ("OK",)

    def _submit(self, pdu: bytes, length: int) -> None:
        faults = self.faults
        if len(pdu) - 1 - pdu[0] != length:
            return self._say("+CMS ERROR: 304")
        if faults.signal == 99:
            return self._say("+CMS ERROR: 331")
        if faults.refuse > 0:
            faults.refuse -= 1
            return self._say(f"+CMS ERROR: {faults.refuse_code}")
        self._reference = self._reference + 1 & 255
        aired = read_submit(pdu, self._reference)
        self.log.append(aired)
        if pdu[1 + pdu[0]] & 0x20 and faults.report is not None:
            self._after(0.0, lambda: self._report(aired))
        return self._answer(aired.reference)

    def _answer(self, reference: int) -> None:
        faults = self.faults
        if faults.restart_in_submit > 0:
            faults.restart_in_submit -= 1
            self.restart()
        elif faults.pull_in_submit > 0:
            faults.pull_in_submit -= 1
            self.pull_out()
            self._after(0.5, self.plug_in)
        elif faults.lose_answer > 0:
            faults.lose_answer -= 1
        else:
            wait, faults.late_answer_s = faults.late_answer_s, 0.0
            self._after(wait, lambda: self._say(f"+CMGS: {reference}", "OK"))

    def _report(self, aired: Aired) -> None:
        if not self._power.reports:
            return  # nobody asked for it to be passed on: it is lost
        body = status_report(aired, self.faults.report or 0, self.clock())
        self._say(f"+CDS: {len(body)}", (CENTRE + body).hex().upper())
