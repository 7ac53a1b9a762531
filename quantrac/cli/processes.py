"""A supervisor of programs: starts them, starts again what ends by itself, and stops them in order.

`centre run` and `demo` use it. Each program is a process of its own with its own log file; it ends with its supervisor
even when that is killed (Linux: parent-death signal).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quantrac.observe.logs import logger

log = logger(__name__)

PR_SET_PDEATHSIG: Final = 1
CENTRE_SERVICES: Final = ("ingest", "quality", "alerts", "jobs", "console")
"""What the centre consists of; each is `quantrac <name> run`."""
RESTART_DELAYS: Final = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds to wait before the n-th start of a program that keeps ending."""
STEADY_AFTER: Final = 60.0
"""Seconds after which a program counts as steady: its next end is a first one again."""


def quantrac(*words: str) -> tuple[str, ...]:
    """Return the command line of one of our own commands, run by this same Python."""
    return (sys.executable, "-m", "quantrac", *words)


@dataclass(frozen=True)
class Program:
    """A program to start: its name, its command line, and variables added to our own environment."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Kept:
    program: Program
    process: subprocess.Popen[bytes]
    started_at: float
    ends: int = 0
    due_at: float | None = None
    wanted: bool = True


class Supervisor:
    """Keeps programs running. Times are monotonic seconds, given by the caller.

    Args:
        directory: holds one log a program, and `processes.json` with their process ids.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._kept: dict[str, _Kept] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, program: Program, now: float) -> None:
        """Start a program and keep it running."""
        self._kept[program.name] = _Kept(program, self._spawn(program), now)
        self._write_ids()

    def watch(self, now: float) -> list[str]:
        """Start again what ended by itself, with growing delays; returns the names of those found ended."""
        found = [name for name, kept in self._kept.items() if self._has_ended(kept, now)]
        for kept in self._kept.values():
            if kept.due_at is not None and now >= kept.due_at:
                kept.process, kept.started_at, kept.due_at = self._spawn(kept.program), now, None
                self._write_ids()
        return found

    def _has_ended(self, kept: _Kept, now: float) -> bool:
        if not kept.wanted or kept.due_at is not None or kept.process.poll() is None:
            return False
        kept.ends = 1 if now - kept.started_at > STEADY_AFTER else kept.ends + 1
        delay = RESTART_DELAYS[min(kept.ends - 1, len(RESTART_DELAYS) - 1)]
        kept.due_at = now + delay
        log.warning("program_ended", program=kept.program.name, status=kept.process.returncode, again_in_s=delay)
        return True

    def let_end(self, name: str) -> None:
        """Say that a program may end by itself now: it will not be started again."""
        self._kept[name].wanted = False

    def wait(self, name: str, timeout: float) -> int | None:
        """Wait for a program to end; returns its exit status, or None when it still runs."""
        try:
            return self._kept[name].process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, timeout: float = 10.0) -> None:
        """Ask all programs to stop at once; kill what still runs after `timeout` s."""
        for kept in self._kept.values():
            kept.wanted, kept.due_at = False, None
            _signal(kept.process, signal.SIGTERM)
        for kept in self._kept.values():
            try:
                kept.process.wait(timeout)
            except subprocess.TimeoutExpired:
                log.warning("program_killed", program=kept.program.name, after_s=timeout)
                _signal(kept.process, signal.SIGKILL)
                kept.process.wait()

    def log_of(self, name: str) -> Path:
        """Return the file that holds what a program printed."""
        return self.directory / f"{name}.log"

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        with self.log_of(program.name).open("ab") as output:
            return subprocess.Popen(
                program.argv,
                env={**os.environ, **program.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops things in order
                preexec_fn=end_with_parent,  # noqa: PLW1509  no other thread forks here
            )

    def _write_ids(self) -> None:
        ids = {name: kept.process.pid for name, kept in self._kept.items()}
        fresh = self.directory / "processes.json.new"
        fresh.write_text(json.dumps(ids, indent=1), "utf-8")
        fresh.replace(self.directory / "processes.json")


def end_with_parent() -> None:
    """In a child, before it becomes the program: ask the kernel to end it when its parent dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
