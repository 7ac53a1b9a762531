"""The program by its command line, each test in a project folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quantrac.cli.demo.servers import demo_place

PROJECT = Path(__file__).parents[2]


@dataclass
class Demo:
    """A running `quantrac demo` in a project folder of its own."""

    project: Path
    process: subprocess.Popen[str]
    printed: Path
    report: Path

    @property
    def folder(self) -> Path:
        return demo_place(self.project) / "demo"

    def says(self, pattern: str, within: float) -> re.Match[str]:
        """Wait for a line that matches; fails with everything printed when the demo ends or is too slow."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.printed.read_text()):
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        pytest.fail(f"the demo did not say {pattern!r}:\n{self.printed.read_text()}")

    def ids(self) -> dict[str, int]:
        """Process ids of what the demo supervises."""
        found: dict[str, int] = json.loads((self.folder / "processes" / "processes.json").read_text())
        return found

    def broker_id(self) -> int:
        """Process id of the demo's own Mosquitto, found by its configuration file."""
        wanted = str(self.folder / "mosquitto" / "mosquitto.conf").encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if words[0].endswith(b"mosquitto") and wanted in words:
                    return int(entry.name)
        pytest.fail("the demo's broker does not run")

    def ends(self, within: float) -> dict[str, Any]:
        """Wait for the end; returns the report with the exit status as `exit`."""
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the demo did not end:\n{self.printed.read_text()}")
        found: dict[str, Any] = json.loads(self.report.read_text()) if self.report.exists() else {}
        return {**found, "exit": status, "printed": self.printed.read_text()}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start a demo: `demo("--seconds", "60")`; stopped and removed at the end of the test."""
    (tmp_path / "station_configs").symlink_to(PROJECT / "station_configs")
    started: list[Demo] = []

    def start(*options: str) -> Demo:
        printed, report = (tmp_path / f"{len(started)}.{kind}" for kind in ("txt", "json"))
        argv = [sys.executable, "-m", "quantrac", "demo", "--project", str(tmp_path), "--report", str(report), *options]
        with printed.open("w") as output:
            process = subprocess.Popen(argv, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT, text=True)
        started.append(Demo(tmp_path, process, printed, report))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGINT)
            one.process.wait(300)
    shutil.rmtree(demo_place(tmp_path), ignore_errors=True)


def alive(process: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        os.kill(process, 0)
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
