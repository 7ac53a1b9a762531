"""Each machine gets what its programs import: the locked requirements of `edge` and `centre` against the code."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from hatch_build import with_renamed_rooms

ROOT = Path(__file__).resolve().parents[3]
OURS = {"alerts", "dashboards", "edge_agent", "ingest", "quantrac", "reports", "simulators"}
SHARED = ("quantrac/config", "quantrac/mqtt", "quantrac/observe", "quantrac/telemetry")
ROOMS = {
    "edge": ("edge_agent", *SHARED),
    "centre": ("alerts", "dashboards", "ingest", "quantrac/database", "quantrac/desks", "reports", *SHARED),
}


@pytest.mark.parametrize("machine", ROOMS)
def test_a_machine_has_every_library_that_its_programs_import(machine: str) -> None:
    """Found by installing a centre by the book: the short-message modem needs pyserial, which only stations had."""
    lines = (ROOT / f"requirements/{machine}.txt").read_text("utf-8")
    locked = re.findall(r"^([a-z0-9.-]+)(?:\[[^\]]*\])?==", lines, re.MULTILINE)
    assert imported_beyond(ROOMS[machine], set(locked)) == set()


def test_what_is_imported_is_declared_and_not_only_brought_by_another_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(line for each in project["optional-dependencies"].values() for line in each)]
    declared = {_plain(re.split(r"[\[<>=!~ ]", line)[0]) for line in wanted} | {"pydantic-core"}  # a part of pydantic
    assert imported_beyond(OURS, declared) == set()


def test_every_module_can_go_into_the_wheel() -> None:
    """The build refuses a module that names a room in a way that cannot be followed; its error says where."""
    rooms = sorted(OURS - {"quantrac"})
    for module in (path for room in OURS for path in (ROOT / room).rglob("*.py")):
        with_renamed_rooms(module.read_text("utf-8"), rooms, str(module.relative_to(ROOT)))


def imported_beyond(rooms: Iterable[str], known: set[str]) -> set[str]:
    """Return `module: library` for each import of a library that none of the known distributions brings."""
    distributions = packages_distributions()
    return {
        f"{path.relative_to(ROOT)}: {name}"
        for room in rooms
        for path in (ROOT / room).rglob("*.py")
        for name in _imported(path)
        if not {_plain(each) for each in distributions.get(name, [name])} & known
    }


def _imported(path: Path) -> set[str]:
    """Return the top names of all libraries that a module imports, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - OURS - set(sys.stdlib_module_names)


def _plain(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
