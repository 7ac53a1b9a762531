"""`./dev` says what it can do, and refuses what it cannot. What it installs is proved on a bare machine."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]


def dev(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "./dev", *words], cwd=PROJECT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["demo", "test", "check", "bench", "soak", "setup"])
def test_every_command_of_the_design_is_in_its_help(command: str) -> None:
    """Expected names: README.md and docs/testing.md."""
    assert re.search(rf"^\./dev {command}\b", dev("help").stdout, re.MULTILINE)


def test_an_unknown_command_is_wrong_usage_and_shows_the_known_ones() -> None:
    done = dev("deploy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "./dev demo" in done.stderr


def test_no_tracked_file_names_a_package_index() -> None:
    """Which index a machine uses is that machine's business."""
    locks = [*PROJECT.glob("requirements/*.txt"), PROJECT / "pyproject.toml", PROJECT / "dev", PROJECT / ".ci/run"]
    assert len(locks) == 6
    for file in locks:
        assert not re.search(
            r"(index-url|find-links|trusted-host)\s*[=\s]\s*['\"]?(https?:|/)", file.read_text("utf-8")
        )
