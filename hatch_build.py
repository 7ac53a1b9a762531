"""The wheel's build hook: installs the top-level rooms as sub-packages of `quantrac` and rewrites their imports.

In the repository the rooms are packages of their own (`from alerts.rules import ...`). In site-packages names so common
could be somebody else's, so the wheel has `quantrac/alerts/` and reads `from quantrac.alerts.rules import ...`. No line
moves: a traceback names the line of the repository. An editable install leaves everything where it is.
"""

import ast
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RoomsUnderQuantrac(BuildHookInterface[Any]):
    """Adds `quantrac` and each of `rooms` (configuration of the hook) to the wheel, with rewritten imports."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Hand hatchling the rewritten packages; ``version`` is "standard" or "editable"."""
        if version == "editable":
            return
        rooms: list[str] = self.config["rooms"]
        self._folder = tempfile.TemporaryDirectory(prefix="quantrac-wheel-")
        built = Path(self._folder.name)
        for room in ("", *rooms):
            source, target = Path(self.root) / (room or "quantrac"), built / room
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        for module in built.rglob("*.py"):
            text = module.read_text("utf-8")
            module.write_text(with_renamed_rooms(text, rooms, str(module.relative_to(built))), "utf-8")
        build_data["force_include"][str(built)] = "quantrac"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what `initialize` made."""
        if version != "editable":
            self._folder.cleanup()


def with_renamed_rooms(text: str, rooms: list[str], name: str) -> str:
    """Return a module's text with `quantrac.` before each room that it imports; no line is added or removed.

    Raises ValueError, with file and line, where a room is named in a way that cannot be followed: `import alerts.desk`
    without `as`, which binds the name `alerts`; and a string that names a module, such as "alerts.desk".
    """
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ImportFrom(module=str(module), level=0) if _is_in(rooms, module):
                _put_below_quantrac(lines, node, module)
            case ast.Import(names=imported):
                for one in imported:
                    if _is_in(rooms, one.name) and one.asname is None:
                        raise ValueError(f"{name}:{one.lineno}: found `import {one.name}`, expected `from … import …`")
                    if _is_in(rooms, one.name):
                        _put_below_quantrac(lines, one, one.name)
            case ast.Constant(value=str(value)) if _is_in(rooms, value) and value.replace(".", "").isidentifier():
                if "." in value:
                    raise ValueError(
                        f"{name}:{node.lineno}: the string {value!r} names a module; use __name__ or __file__"
                    )
    return "".join(lines)


def _is_in(rooms: list[str], module: str) -> bool:
    return module.partition(".")[0] in rooms


def _put_below_quantrac(lines: list[str], node: ast.ImportFrom | ast.alias, module: str) -> None:
    line = lines[node.lineno - 1]
    at = line.index(module, node.col_offset)
    lines[node.lineno - 1] = f"{line[:at]}quantrac.{line[at:]}"
