"""One station's agent as a process of its own, behind a line that can be cut, on a disk that can be full."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.proxy import TcpProxy
from tests.soak.edge_publishes import Trouble


@dataclass
class Life:
    """From the moment the agent reads its instruments until it is killed; seconds since 1970."""

    began_s: float = float("inf")
    ended_s: float = float("inf")


class AgentProcess:
    """`quantrac edge run`, and a record of what was done to it."""

    def __init__(self, station: str, url: str, port: int, environment: Mapping[str, str], folder: Path) -> None:
        self.station = station
        self.line = TcpProxy(port)
        self.lives: list[Life] = []
        self.troubles: list[Trouble] = []
        self.disk_is_full = self.line_is_down = self.is_down = False
        self._log = (folder / f"{station}.log").open("ab")
        self._env = {**os.environ, **environment, "QUANTRAC_LOG": "json",
                     "QUANTRAC_MQTT_URL": url.replace(f":{port}", f":{self.line.port}")}  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the agent; its life begins when its log says so."""
        self._process = subprocess.Popen(self._command("run"), env=self._env, stderr=subprocess.PIPE)
        self.lives.append(Life())
        self.is_down = False
        threading.Thread(target=self._read_log, args=(self._process, self.lives[-1]), daemon=True).start()

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        began_s = time.time()
        self._process.kill()
        self._process.wait()
        self.lives[-1].ended_s = time.time()
        self.is_down = True
        self.note_trouble(began_s)

    def note_trouble(self, from_s: float) -> None:
        """What was published since may not have arrived."""
        self.troubles.append(Trouble(from_s, time.time()))

    def fill_disk(self) -> None:
        """Let no file of the agent grow: to SQLite that is a disk without room."""
        self.disk_is_full = True
        self._limit_files(0)

    def free_disk(self) -> None:
        """Let files grow again."""
        self._limit_files(resource.RLIM_INFINITY)

    @property
    def has_begun(self) -> bool:
        """Whether it reads its instruments."""
        return not self.is_down and self.lives[-1].began_s < float("inf")

    @property
    def disk_serves(self) -> bool:
        """Whether the agent says that its disk can be written."""
        status = self._command("spool", "status", "--json")
        done = subprocess.run(status, env=self._env, check=False, capture_output=True)
        return done.returncode == 0 and json.loads(done.stdout)["disk"] == "ok"

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._process is not None and not self.is_down and self._process.poll() is not None

    def drain(self, within_s: float) -> bool:
        """Let it send everything and end; tell whether all of it was acknowledged."""
        command = self._command("drain", "--timeout", f"{within_s}s")
        return subprocess.run(command, check=False, env=self._env, stdout=self._log).returncode == 0

    def stop(self) -> None:
        """End it, and its line."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self.line.close()

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "quantrac", "edge", *words, "--station", self.station]

    def _limit_files(self, most: int) -> None:
        assert self._process is not None
        _, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (most, hard))

    def _read_log(self, process: subprocess.Popen[bytes], life: Life) -> None:
        """Keep the agent's log here: its own files must not grow."""
        assert process.stderr is not None
        for line in process.stderr:
            if b'"agent_started"' in line:
                life.began_s = time.time()
            self._log.write(line)
            self._log.flush()
