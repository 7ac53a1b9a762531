"""Programs under a supervisor: real, short child processes."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantrac.cli.processes import RESTART_DELAYS, Program, Supervisor
from tests.fixtures.timing import eventually

AT_ONCE_S = 0.2
SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    yield made
    made.stop()


def pid(supervisor: Supervisor, name: str) -> int:
    return int(json.loads((supervisor.directory / "processes.json").read_text())[name])


def test_a_killed_program_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(Program("one", SLEEP), 0.0)
    first = pid(supervisor, "one")
    os.kill(first, 9)
    eventually(lambda: supervisor.watch(1.0) == ["one"])
    supervisor.watch(1.0)
    assert pid(supervisor, "one") != first


def test_a_program_that_keeps_ending_is_started_ever_more_slowly(supervisor: Supervisor) -> None:
    supervisor.start(Program("bad", (sys.executable, "-c", "raise SystemExit(3)")), 0.0)
    now, delays = 0.0, []
    for _ in range(3):
        ended, at = pid(supervisor, "bad"), now
        eventually(lambda: supervisor.watch(now) == ["bad"])
        while pid(supervisor, "bad") == ended:
            at += 0.1
            supervisor.watch(at)
        delays.append(at - now)
        now = at
    assert delays == pytest.approx(list(RESTART_DELAYS[:3]), abs=0.25)


def test_stopping_ends_every_program_and_starts_none_again(supervisor: Supervisor) -> None:
    supervisor.start(Program("one", SLEEP), 0.0)
    supervisor.start(Program("two", SLEEP), 0.0)
    supervisor.stop()
    assert supervisor.watch(100.0) == []
    for name in ("one", "two"):
        with pytest.raises(ProcessLookupError):
            os.kill(pid(supervisor, name), 0)


def test_a_program_that_will_not_stop_is_killed(supervisor: Supervisor) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    supervisor.start(Program("stubborn", (sys.executable, "-c", stubborn)), 0.0)
    eventually(lambda: "up" in supervisor.log_of("stubborn").read_text())
    supervisor.stop(timeout=AT_ONCE_S)
    assert supervisor.wait("stubborn", 0.0) == -9


def test_a_program_that_may_end_is_left_ended(supervisor: Supervisor) -> None:
    supervisor.start(Program("once", (sys.executable, "-c", "pass")), 0.0)
    supervisor.let_end("once")
    assert supervisor.wait("once", 180.0) == 0
    assert supervisor.watch(100.0) == []
