"""The way in: help, exit codes, and nothing imported that is not needed."""

import subprocess
import sys

import pytest


def quantrac(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "quantrac", *words], capture_output=True, text=True, check=False)


def test_help_lists_every_command() -> None:
    done = quantrac("--help")
    assert done.returncode == 0
    for command in ("demo", "edge", "ingest", "alerts", "console", "stations", "ledger", "deadletters"):
        assert f"  {command} " in done.stdout


def test_a_wrong_command_is_wrong_usage() -> None:
    done = quantrac("legder")
    assert done.returncode == 2
    assert "legder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("driver", ["psycopg", "pandas", "fastapi", "pymodbus", "paho", "numpy", "PIL"])
def test_help_loads_no_driver(driver: str) -> None:
    code = f"""
import sys
sys.argv = ["quantrac", "--help"]
from quantrac.cli.main import app
try:
    app()
except SystemExit:
    pass
sys.exit({driver!r} in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
