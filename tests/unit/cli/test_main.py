"""The way in: help, exit codes, and nothing imported that is not needed."""

import subprocess
import sys

from quantrac.cli.main import COMMANDS
from tests.fixtures.program import quantrac


def test_help_lists_every_command() -> None:
    done = quantrac("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"  {command} " in done.stdout


def test_a_wrong_command_is_wrong_usage() -> None:
    done = quantrac("legder")
    assert done.returncode == 2
    assert "legder" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_loads_no_driver() -> None:
    drivers = {"psycopg", "pandas", "fastapi", "pymodbus", "paho", "numpy", "PIL"}
    code = f"""
import sys
sys.argv = ["quantrac", "--help"]
from quantrac.cli.main import app
try:
    app()
except SystemExit:
    print("loaded:", *{drivers} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "loaded:"
