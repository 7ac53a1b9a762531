"""The agent's desk: requests to a running agent over a socket in its state folder, one JSON line each way."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from quantrac.observe.logs import logger
from quantrac.telemetry.errors import QuantracError
from quantrac.telemetry.states import State

log = logger(__name__)

SOCKET: Final = "desk.sock"
LONGEST_REQUEST: Final = 65_536
STARTING_S: Final = 5.0
"""How long an agent may take from its start to its desk."""

LONGEST_TRIAL_S: Final = 3_600.0
"""Trying many devices and waiting for slots of half an hour takes so long at most."""

Answerer = Callable[[dict[str, Any]], Mapping[str, Any]]


class AgentNotRunning(QuantracError):
    """No agent answers at the desk of this station."""


class AgentRefused(QuantracError):
    """The agent cannot do what was asked."""


def status(folder: Path) -> dict[str, Any]:
    """Return the running agent's report. Raises AgentNotRunning."""
    return ask(folder, {"do": "status"}, timeout_s=15)


def drain(folder: Path, timeout_s: float) -> dict[str, Any]:
    """Stop sampling, publish until everything is acknowledged end to end or `timeout_s` are over; the agent then ends.

    Returns its last report with `drained`. An agent that is just starting is waited for. Raises AgentNotRunning.
    """
    until = time.monotonic() + min(timeout_s, STARTING_S)
    while time.monotonic() < until:
        with suppress(AgentNotRunning):
            ask(folder, {"do": "status"}, timeout_s=15)
            break
        time.sleep(0.1)
    return ask(folder, {"do": "drain", "timeout_s": timeout_s}, timeout_s=timeout_s + 30)


def maintain(folder: Path, device: str | None, state: State, for_ms: int, why: str = "") -> dict[str, Any]:
    """Give what a device (None: the whole station) measures the state maint or cal for so long.

    Returns the orders in force. Raises AgentNotRunning, AgentRefused.
    """
    request = {"do": "maint", "device": device, "for_ms": for_ms, "state": state.word, "why": why}
    return ask(folder, request, timeout_s=15)


def end_maintenance(folder: Path, device: str | None) -> dict[str, Any]:
    """End such an order now; returns those still in force, and whether there was one. Raises AgentNotRunning."""
    return ask(folder, {"do": "maint", "device": device, "off": True}, timeout_s=15)


def maintenance(folder: Path) -> dict[str, Any]:
    """Return the orders in force. Raises AgentNotRunning."""
    return ask(folder, {"do": "maint"}, timeout_s=15)


def reload(folder: Path, within_s: float) -> dict[str, Any]:
    """Have the local files read again and put in force; returns what came of it when that is known.

    Raises AgentNotRunning, AgentRefused: a file is wrong, or a device does not answer.
    """
    return ask(folder, {"do": "reload", "within_s": within_s}, timeout_s=2 * within_s + LONGEST_TRIAL_S)


def live(folder: Path) -> dict[str, Any]:
    """Return the agent's report with the newest sample of each channel. Raises AgentNotRunning."""
    return ask(folder, {"do": "live"}, timeout_s=15)


def ask(folder: Path, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """Send one request and return the answer. Raises AgentNotRunning, AgentRefused."""
    try:
        with _address(folder) as address, socket.socket(socket.AF_UNIX) as line:
            line.settimeout(timeout_s)
            line.connect(address)
            line.sendall(json.dumps(request).encode() + b"\n")
            with line.makefile("rb") as answers:
                answer = answers.readline()
    except OSError as error:
        why = f"{error.strerror or error}; start it, look for its log, or name its folder by QUANTRAC_STATE_DIR"
        raise AgentNotRunning(f"no agent answers in {folder}: {why}") from error
    if not answer:
        raise AgentNotRunning(f"the agent in {folder} ended before it answered")
    found: dict[str, Any] = json.loads(answer)
    if "error" in found:
        raise AgentRefused(str(found["error"]))
    return found


class Desk:
    """Listens until closed; each request is answered by `answer` in a thread of its own."""

    def __init__(self, folder: Path, answer: Answerer) -> None:
        self._path = folder / SOCKET
        with suppress(FileNotFoundError):
            self._path.unlink()  # left behind by a killed agent: the spool's lock says that none runs
        handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
        with _address(folder) as address:
            self._server = _Server(address, handler)
        self._path.chmod(0o600)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="desk", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; answers under way are finished first."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        with suppress(FileNotFoundError):
            self._path.unlink()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = False
    block_on_close = True


class _Handler(socketserver.StreamRequestHandler):
    answer: Answerer

    def handle(self) -> None:
        with suppress(OSError):
            self.wfile.write(json.dumps(self._answer(self.rfile.readline(LONGEST_REQUEST))).encode() + b"\n")

    def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise AgentRefused(f"found {line[:60]!r}, expected one JSON object")
            return type(self).answer(request)
        except (ValueError, RecursionError, QuantracError, OSError) as error:  # TimeoutError is an OSError, too
            log.warning("desk_refused", error=str(error))
            return {"error": str(error) or type(error).__name__}


@contextmanager
def _address(folder: Path) -> Iterator[str]:
    """Yield a short name of the socket: its real one may be longer than the 107 bytes a socket address holds."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{opened}/{SOCKET}"
    finally:
        os.close(opened)
