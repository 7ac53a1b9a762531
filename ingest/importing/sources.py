"""The files of an import in a fixed order, and the digest that shows whether they were imported before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from quantrac.telemetry.errors import QuantracError

PIECE: Final = 1 << 20


class NothingToImport(QuantracError):
    """No file was found."""

    exit_code = 2


def files(paths: Iterable[Path], suffix: str) -> list[Path]:
    """Return files as named, and those with the suffix in folders, sorted by path. Raises NothingToImport."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(each for each in path.rglob(f"*{suffix}") if each.is_file()) if path.is_dir() else [path]
        if not inside or not inside[0].is_file():
            raise NothingToImport(f"{path}: found no file, expected one, or a folder with *{suffix}")
        found += inside
    return found


def digest(found: Sequence[Path]) -> str:
    """Return the sha256 of names and contents."""
    total = hashlib.sha256()
    for file in found:
        total.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as data:
            while piece := data.read(PIECE):
                total.update(piece)
    return total.hexdigest()
