"""The way in: help, exit codes, and nothing imported that is not needed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from quantrac.cli.main import COMMANDS
from tests.fixtures.program import PROJECT, WITHIN_S, quantrac


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


def test_it_says_which_version_it_is() -> None:
    declared = re.search(r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert declared
    assert quantrac("--version").stdout == f"quantrac {declared[1]}\n"


def test_the_shell_completes_commands_and_subcommands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are those that the function of `--show-completion` sets."""
    monkeypatch.setenv("_QUANTRAC_COMPLETE", "complete_bash")
    program = Path(sys.executable).with_name("quantrac")
    for words, completed in (("quantrac stat", ["stations", "status"]), ("quantrac stations ch", ["check"])):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        done = subprocess.run([program], capture_output=True, text=True, check=False, timeout=WITHIN_S)
        assert done.stdout.split() == completed


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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=WITHIN_S)
    assert done.stdout.splitlines()[-1] == "loaded:"
