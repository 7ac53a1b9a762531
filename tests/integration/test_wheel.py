"""The wheel installs one package, `quantrac`, beside strangers' packages that have our rooms' names."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from hatch_build import with_renamed_rooms
from tests.fixtures.program import WITHIN_S

ROOT = Path(__file__).resolve().parents[2]
ROOMS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"][
    "hooks"
]["custom"]["rooms"]
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
import quantrac
for module in pkgutil.walk_packages(quantrac.__path__, "quantrac."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in sys.argv[1:]:
    found = sys.modules.get(name)
    assert found is None, f"{name} was imported from {found.__file__}"
    assert importlib.import_module(name).OWNER == "a stranger"
"""


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, within=ROOT)
    return next(folder.glob("quantrac-*.whl"))


@pytest.fixture(scope="module")
def machine(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a virtual environment with the wheel, installed after strangers' packages with our rooms' names."""
    folder = tmp_path_factory.mktemp("machine")
    venv.create(folder, with_pip=False)
    strangers = [_package_of_a_stranger(folder, room) for room in ROOMS]
    _run(
        Path(sys.executable).with_name("uv"), "pip", "install", "-q", "--no-deps", "--python", folder, *strangers, wheel
    )
    return folder


def test_the_wheel_has_one_name_at_the_top(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == {"quantrac", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}


def test_the_wheel_has_every_file_of_the_rooms(wheel: Path) -> None:
    tracked = _run("git", "-C", ROOT, "ls-files", "quantrac", *ROOMS).split()
    expected = {name if name.startswith("quantrac/") else f"quantrac/{name}" for name in tracked}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("quantrac/")} == expected


def test_every_package_of_the_repository_is_a_room_or_stays_out(wheel: Path) -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == {*ROOMS, "quantrac", "benchmarks", "tests"}


def test_each_side_imports_its_own(machine: Path) -> None:
    _run(machine / "bin/python", "-c", IMPORT_EVERYTHING, *ROOMS, path=_libraries())


def test_the_command_works_beside_strangers(machine: Path) -> None:
    assert "ingest" in _run(machine / "bin/quantrac", "--help", path=_libraries())
    _run(machine / "bin/quantrac", "stations", "check", ROOT / "station_configs", path=_libraries())


def test_no_line_moves_when_a_room_is_renamed() -> None:
    text = 'import {0}alerts.desk as x\n\ndef f():\n    from {0}alerts import (desk,\n    )\n    return "alerts"\n'
    assert with_renamed_rooms(text.format(""), ["alerts"], "x.py") == text.format("quantrac.")


@pytest.mark.parametrize("text", ["import alerts.desk\n", 'name = "alerts.desk"\n'])
def test_a_name_that_cannot_be_followed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"x\.py:1: .*alerts\.desk"):
        with_renamed_rooms(text, ["alerts"], "x.py")


def _package_of_a_stranger(folder: Path, name: str) -> Path:
    """Write the smallest wheel of a package ``name``."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{name}/__init__.py", 'OWNER = "a stranger"\n')
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        made.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        made.writestr(f"{info}/RECORD", "")
    return path


def _libraries() -> str:
    """Folder of our dependencies. On PYTHONPATH it does not bring the checkout: Python reads no .pth file there."""
    return next(place for place in sys.path if Path(place).name == "site-packages")


def _run(*command: str | Path, path: str = "", within: str | Path = "/") -> str:
    """Run a command, outside the checkout where nothing else is said; return what it prints."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": path, "HOME": "/nonexistent"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=within,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
