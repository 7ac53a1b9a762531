"""A node of a cluster: one server process that can be killed, stopped for a while, and started again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quantrac.private_services.server import PrivateServer, ServerPlan, ServerProcess

SHIPPED: Final = Path(__file__).parents[2] / "deploy" / "cluster"
"""The configuration that is tried here and shipped."""
START_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class NodePlan:
    """How to run a node, and how to see that it serves."""

    title: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]


class Node(PrivateServer):
    """One process; its folder belongs to the account that it runs as."""

    def __init__(self, folder: Path, plan: NodePlan, *, account: str, package: str) -> None:
        super().__init__(folder, account=account, package=package)
        self.plan = plan
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._account.own(folder)

    def start(self) -> None:
        self.begin()
        self.wait_ready()

    def begin(self) -> None:
        """Start, without waiting: a node may need the others to become ready."""
        self._ownership.take()
        self._process = ServerProcess(
            ServerPlan(
                title=self.plan.title,
                argv=self.plan.argv,
                account=self._account,
                folder=self.folder,
                log=self.folder / "log",
                stop_signal=signal.SIGTERM,
                ready=self.plan.ready,
                ready_within_s=START_S,
                environment=self.plan.environment,
            ),
            self._lock,
        )

    def wait_ready(self) -> None:
        """Wait until it serves; raises StartFailed."""
        assert self._process is not None
        self._process.wait_ready()

    def freeze(self) -> None:
        """Let it say and hear nothing, as a machine that hangs (SIGSTOP)."""
        assert self._process is not None
        self._process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on where it was (SIGCONT)."""
        assert self._process is not None
        self._process.signal(signal.SIGCONT)

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        """Write a file that the node's account may read."""
        path = self.folder / name
        path.touch(mode=mode)
        path.write_text(text, "utf-8")
        path.chmod(mode)
        self._account.own(path)
        return path
