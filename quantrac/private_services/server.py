"""A private server: a process that runs as its account, in a session of its own, and never outlives its owners."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self, TypedDict

from quantrac.private_services import watchdog
from quantrac.private_services.errors import ServiceError, StartFailed
from quantrac.private_services.place import Account, account_for

READY_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """A server to start: its command, account, files and signals.

    ``log`` takes the server's output. ``remove`` is a folder that goes when the last owner died without stopping.
    ``environment`` is added to ours.
    """

    title: str
    argv: Sequence[str]
    account: Account
    folder: Path
    log: Path
    stop_signal: signal.Signals
    ready: Callable[[], bool]
    ready_within_s: float = 60.0
    remove: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Ownership:
    """A share in a server: while any share is held, the server runs on.

    Shares are shared locks on one file, so they end with the process that holds them.
    """

    def __init__(self, lock: Path) -> None:
        self._lock = lock
        self._file: BinaryIO | None = None

    def take(self) -> None:
        """Hold a share; a second call changes nothing."""
        if self._file is None:
            self._lock.touch(mode=0o600)
            self._file = self._lock.open("rb")
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def give_up(self) -> bool:
        """Return the share; tell whether it was the last one."""
        if self._file is None:
            return False
        with self._file as held:
            self._file = None
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


class ServerProcess:
    """A running server, with its watchdog beside it."""

    def __init__(self, plan: ServerPlan, lock: Path) -> None:
        self._plan = plan
        with plan.log.open("ab") as log:
            self._process = subprocess.Popen(
                list(plan.argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=plan.folder,
                start_new_session=True, env={**os.environ, **plan.environment}, **_as(plan.account),
            )  # fmt: skip
        command = [sys.executable, "-I", "-S", watchdog.__file__, str(lock), str(self.pid), str(int(plan.stop_signal))]
        self._watchdog = subprocess.Popen(
            [*command, *([str(plan.remove)] if plan.remove else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            start_new_session=True,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the server process lives."""
        return self._process.poll() is None

    def wait_ready(self) -> None:
        """Wait until the server answers; raises StartFailed with the end of its log if it ends or takes too long."""
        deadline = time.monotonic() + self._plan.ready_within_s
        while not self._plan.ready():
            if not self.running:
                self._watchdog.wait()
                raise StartFailed(f"{self._plan.title} ended at its start:\n{tail(self._plan.log)}")
            if time.monotonic() > deadline:
                self.kill()
                waited = f"{self._plan.title} was not ready within {self._plan.ready_within_s:.0f} s"
                raise StartFailed(f"{waited}:\n{tail(self._plan.log)}")
            time.sleep(READY_POLL_S)

    def stop(self, within_s: float = 60.0) -> None:
        """Ask the server to end and wait; kill it if it does not."""
        self.signal(self._plan.stop_signal)
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServiceError(f"{self._plan.title} did not stop within {within_s:.0f} s and was killed") from None
        self._watchdog.wait()

    def kill(self) -> None:
        """End the server at once, as a power cut would (SIGKILL)."""
        self.signal(signal.SIGKILL)
        self._process.wait()
        self._watchdog.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server, if it lives."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


class PrivateServer(ABC):
    """One server in one folder, on a port of 127.0.0.1; what it holds outlives stop, kill and restart."""

    def __init__(self, folder: Path, *, account: str, package: str) -> None:
        self.folder = folder
        self._account = account_for(account, package)
        self._lock = folder / "owner.lock"
        self._ownership = Ownership(self._lock)
        self._process: ServerProcess | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port on 127.0.0.1; known after the first start."""
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the server that this object has started."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process that this object started lives."""
        return self._process is not None and self._process.running

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until the server answers."""

    def stop(self) -> None:
        """Stop cleanly: everything is written to disk."""
        if self._process is not None:
            process, self._process = self._process, None
            process.stop()
        self._ownership.give_up()

    def kill(self) -> None:
        """End at once (SIGKILL), as a power cut would: what was not on disk is gone."""
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()

    def _run(self, plan: ServerPlan) -> None:
        process = ServerProcess(plan, self._lock)
        process.wait_ready()
        self._process = process

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run_as(account: Account, argv: Sequence[str], *, folder: Path) -> None:
    """Run a program to its end as the account; raises ServiceError with what it said."""
    done = subprocess.run(list(argv), cwd=folder, capture_output=True, text=True, check=False, **_as(account))
    if done.returncode:
        raise ServiceError(f"{Path(argv[0]).name} failed ({done.returncode}):\n{done.stderr or done.stdout}")


def tail(log: Path, lines: int = 8) -> str:
    """Return the last lines of a log file, or a note that there is none."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(it wrote no log)"


class _As(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _as(account: Account) -> _As:
    if account.is_self:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}
