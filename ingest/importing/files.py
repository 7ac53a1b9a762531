"""The files of an import: found in a fixed order, known by their digest, read line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from ingest.importing import ministry, table
from ingest.importing.line import ImportLine, LineProblem
from quantrac.telemetry.errors import QuantracError

Format = Literal["csv", "tt10"]
"""Tables, and the ministry's five-minute files."""
PIECE: Final = 1 << 20


class NothingToImport(QuantracError):
    """No file was found."""

    exit_code = 2


def found(paths: Iterable[Path], file_format: Format) -> list[Path]:
    """Return files as named, and those of the format in folders, sorted by path. Raises NothingToImport."""
    suffix = ministry.SUFFIX if file_format == "tt10" else table.SUFFIX
    files: list[Path] = []
    for path in paths:
        inside = sorted(each for each in path.rglob(f"*{suffix}") if each.is_file()) if path.is_dir() else [path]
        if not inside or not inside[0].is_file():
            raise NothingToImport(f"{path}: found no file, expected one, or a folder with *{suffix}")
        files += inside
    return files


def lines(
    files: Iterable[Path], file_format: Format, station: str, zone: ZoneInfo, skipped: Collection[str]
) -> Iterator[ImportLine | LineProblem]:
    """Yield the lines of all files, one after the other."""
    for file in files:
        if file_format == "tt10":
            yield from ministry.lines(file)
        else:
            yield from table.lines(file, station, zone, skipped)


def digest(files: Sequence[Path]) -> str:
    """Return the sha256 of names and contents."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as data:
            while piece := data.read(PIECE):
                total.update(piece)
    return total.hexdigest()
