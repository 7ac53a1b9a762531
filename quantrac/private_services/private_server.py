"""The base of the private servers: one folder, one account, a share in the running process."""

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from quantrac.private_services.place import account_for
from quantrac.private_services.server import Ownership, ServerPlan, ServerProcess


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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
