"""`quantrac broker config` renders what a real Mosquitto accepts, and refuses to open a door by accident."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from quantrac.private_services import ports
from quantrac.private_services.mosquitto import _program

PROJECT = Path(__file__).parents[2]


def quantrac(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quantrac", *words]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=180, check=False)


def test_the_rendered_files_start_a_broker_and_name_who_lacks_a_password(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    (tmp_path / "p").mkdir()
    done = quantrac(
        "broker", "config", "--out", str(tmp_path), "--port", str(port), "--persistence", str(tmp_path / "p")
    )
    assert done.returncode == 0, done.stderr
    missing = [line for line in done.stdout.splitlines() if line.startswith("no password yet: ")]
    assert {line.split()[-1] for line in missing} >= {"ingest", "console", "st-my-thanh"}
    assert sum(" -c " in line for line in missing) == 1, "each -c empties the file that the line before it filled"
    assert "chown mosquitto:" in done.stdout.splitlines()[-1]
    subprocess.run([_program("mosquitto_passwd"), "-b", "-c", str(tmp_path / "passwords"), "ingest", "x"], check=True)
    again = quantrac(
        "broker", "config", "--out", str(tmp_path), "--port", str(port), "--persistence", str(tmp_path / "p")
    )
    assert " ingest" not in "".join(line for line in again.stdout.splitlines() if line.startswith("no password"))
    configuration = tmp_path / "quantrac.conf"
    configuration.write_text(configuration.read_text() + "user root\n")  # the test's folder is closed to others
    with subprocess.Popen(
        [_program("mosquitto"), "-c", str(configuration)], stderr=subprocess.PIPE, text=True
    ) as broker:
        try:
            assert broker.stderr is not None
            assert wait_for(port, broker), broker.stderr.read()
        finally:
            broker.terminate()
            broker.wait()


def test_a_listener_beyond_this_machine_without_tls_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = quantrac("broker", "config", "--out", str(tmp_path), "--host", "0.0.0.0")
    assert done.returncode == 2
    assert "give --certificate and --key, or --without-tls" in done.stderr
    assert not list(tmp_path.iterdir())


def wait_for(port: int, broker: subprocess.Popen[str]) -> bool:
    import time

    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and broker.poll() is None:
        if ports.answers(port):
            return True
        time.sleep(0.05)
    return False
