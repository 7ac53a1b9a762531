"""Signals reach a service whichever thread the system gives them to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.fixtures.timing import PATIENCE_S

WAITS = """
import signal, threading
from quantrac.cli.environment import act_on_signals, stop_on_signal

stop, reloaded = stop_on_signal("stopping"), threading.Event()
act_on_signals({signal.SIGHUP: reloaded.set})
other = threading.Thread(target=threading.Event().wait, daemon=True)
other.start()

def send():
    signal.pthread_kill(other.ident, signal.SIGHUP)
    reloaded.wait(60)
    print("reloaded", reloaded.is_set())
    signal.pthread_kill(other.ident, signal.SIG%s)

threading.Timer(0.2, send).start()
stop.wait()  # without a time: nothing runs in the main thread until the event is set
print("stopped")
"""


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_signal_that_another_thread_gets_ends_a_service_whose_main_thread_waits(name: str) -> None:
    """Golden: `console run` ignored SIGTERM, about once in sixty times under a clock that was shifted."""
    done = subprocess.run(
        [sys.executable, "-c", WAITS % name], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr.split()) == (
        0,
        ["reloaded", "True", "stopped"],
        ["stopping"],
    )


CLOSED = """
import os, signal
from quantrac.cli.environment import stop_on_signal

stop = stop_on_signal("stopping")
os.close(2)
for _ in range(2):
    os.kill(os.getpid(), signal.SIGTERM)
    stop.wait()
print("stopped")
"""


def test_a_service_whose_terminal_was_closed_ends_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSED], stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["stopped"])
