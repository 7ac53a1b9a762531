"""Tells, without a network, whether the lock files were made from the dependencies that pyproject.toml names now.

``stamp`` writes a fingerprint of the dependency tables into the first line of each lock file (`./dev lock` does);
``check`` compares and exits 1 if one is stale.
"""

import hashlib
import json
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
MARK = "# dependencies of pyproject.toml: sha256 "


def fingerprint(pyproject: Path) -> str:
    """Return the sha256 of the dependency tables, whatever their comments and layout."""
    document = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = document["project"]
    tables = [project["requires-python"], sorted(project["dependencies"]), project["optional-dependencies"]]
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def main(action: str) -> int:
    """Run ``stamp`` or ``check`` over every lock file of this folder."""
    line = MARK + fingerprint(HERE.parent / "pyproject.toml") + "\n"
    stale = 0
    for lock in sorted(HERE.glob("*.txt")):
        text = lock.read_text(encoding="utf-8")
        first, _, rest = text.partition("\n")
        if first + "\n" == line:
            continue
        if action == "stamp":
            lock.write_text(line + (rest if first.startswith(MARK) else text), encoding="utf-8")
        else:
            stale = 1
            print(f"requirements/{lock.name}:1: made from other dependencies than pyproject.toml names; run ./dev lock")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
