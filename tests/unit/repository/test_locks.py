"""The lock files know what they were made from."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "requirements", tmp_path / "requirements")
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def fingerprint(project: Path, action: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "requirements/fingerprint.py"), action]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_locks_were_made_from_the_dependencies_of_today(copy: Path):
    assert fingerprint(copy, "check").returncode == 0


def test_a_dependency_added_without_a_new_lock_is_found(copy: Path):
    pyproject = copy / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"msgspec>=0.19",', '"msgspec>=0.19", "requests",'))
    done = fingerprint(copy, "check")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"requirements/{name}.txt:1: made from other dependencies than pyproject.toml names; run ./dev lock"
        for name in ("centre", "dev", "edge")
    ]
    fingerprint(copy, "stamp")
    assert fingerprint(copy, "check").returncode == 0


def test_a_changed_comment_or_tool_section_makes_no_lock_stale(copy: Path):
    pyproject = copy / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + "\n# a comment\n[tool.other]\nx = 1\n")
    assert fingerprint(copy, "check").returncode == 0


def test_an_edge_box_installs_no_database_driver_no_pandas_and_no_web_framework():
    """The list is the issue's own."""
    names = {
        line.split("==")[0].lower()
        for line in (PROJECT / "requirements/edge.txt").read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    assert names >= {"pymodbus", "pyserial", "paho-mqtt"}
    assert not names & {
        "psycopg",
        "psycopg-binary",
        "psycopg-pool",
        "pandas",
        "numpy",
        "fastapi",
        "starlette",
        "uvicorn",
    }
