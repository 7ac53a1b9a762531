"""A server process: runs as its account, in a session of its own, and never outlives its owners."""

import contextlib
import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypedDict

from quantrac.private_services import watchdog
from quantrac.private_services.errors import ServiceError, StartFailed
from quantrac.private_services.place import Account

READY_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """A server to start: its command, account, files and signals.

    ``log`` takes the server's output. ``remove`` is a folder that goes when the last owner died without stopping.
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
                start_new_session=True, **_as(plan.account),
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
