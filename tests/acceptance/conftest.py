"""The program by its command line, each test in a project folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from quantrac.cli.demo.servers import demo_place

PROJECT = Path(__file__).parents[2]
PATIENCE_MS: Final = 180_000
"""How long a busy machine may take to start a browser, and a page to show what is expected of it."""
expect.set_options(timeout=PATIENCE_MS)
HIDDEN_UNTIL_LOADED: Final = """
(() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("* { visibility: hidden !important }");
  document.adoptedStyleSheets = [sheet];
  addEventListener("load", () => { document.adoptedStyleSheets = []; });
})();
"""
"""A press waits for what is visible: so none comes before the page's scripts hear it, also where a press led there."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without libfaketime, under which it spins; a page shows the time of the server.

    All its contexts are patient. It goes with its module: as long as it is there the thread belongs to its event loop,
    and no other loop can run.
    """
    path = shutil.which("chromium")
    assert path is not None, "chromium is not installed: ./dev setup"
    own: dict[str, str | float | bool] = {
        name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "FAKETIME")
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=PATIENCE_MS, env=own)
        new_context = browser.new_context

        def new_patient_context(**options: Any) -> BrowserContext:
            context = new_context(**options)
            context.set_default_timeout(PATIENCE_MS)
            context.add_init_script(HIDDEN_UNTIL_LOADED)
            return context

        browser.new_context = new_patient_context  # type: ignore[method-assign]
        yield browser
        browser.close()


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
    """Start a demo: `demo("--seconds", "60")`; stopped and removed at the end of the test.

    Its project folder has Vietnamese letters and spaces, and the servers' accounts can enter it: theirs are below it.
    """
    project = Path(tempfile.mkdtemp(prefix="Quan trắc tôm ", dir="/var/tmp"))
    project.chmod(0o755)
    (project / "station_configs").symlink_to(PROJECT / "station_configs")
    started: list[Demo] = []

    def start(*options: str) -> Demo:
        printed, report = (tmp_path / f"{len(started)}.{kind}" for kind in ("txt", "json"))
        argv = [sys.executable, "-m", "quantrac", "demo", "--project", str(project), "--report", str(report), *options]
        with printed.open("w") as output:
            process = subprocess.Popen(argv, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT, text=True)
        started.append(Demo(project, process, printed, report))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGINT)
            one.process.wait(300)
    shutil.rmtree(project, ignore_errors=True)


def alive(process: int) -> bool:
    """Whether a process lives (a zombie does not)."""
    try:
        os.kill(process, 0)
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
