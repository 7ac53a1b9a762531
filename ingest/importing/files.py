"""The files of an import: found in a fixed order, known by their digest, read line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from ingest.importing import ministry, table
from ingest.importing.grid import SUFFIXES
from ingest.importing.line import ImportLine, LineProblem
from ingest.importing.numbers import DecimalMark, marks_of
from ingest.importing.table import FlagLine, Notation
from ingest.importing.times import DateOrder, order_of
from quantrac.telemetry.errors import QuantracError

Format = Literal["csv", "tt10"]
"""Tables, and the ministry's five-minute files."""
PIECE: Final = 1 << 20


class NothingToImport(QuantracError):
    """No file was found."""

    exit_code = 2


def found(paths: Iterable[Path], file_format: Format) -> list[Path]:
    """Return files as named, and those of the format in folders, sorted by path. Raises NothingToImport."""
    suffixes = (ministry.SUFFIX,) if file_format == "tt10" else SUFFIXES
    files: list[Path] = []
    for path in paths:
        inside = _inside(path, suffixes) if path.is_dir() else [path]
        if not inside or not inside[0].is_file():
            kinds = ", ".join(f"*{suffix}" for suffix in suffixes)
            raise NothingToImport(f"{path}: found no file, expected one, or a folder with {kinds}")
        files += inside
    return files


def _inside(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.name.lower().endswith(suffixes) and file.is_file())


def lines(files: Iterable[Path], file_format: Format, notation: Notation) -> Iterator[ImportLine | LineProblem]:
    """Yield the lines of all files, one after the other."""
    for file in files:
        yield from ministry.lines(file, notation.decimal) if file_format == "tt10" else table.lines(file, notation)


def date_order(files: Iterable[Path], file_format: Format, notation: Notation, said: DateOrder | None) -> DateOrder:
    """Return which order the dates of all files have. Raises UnclearDates."""
    if file_format == "tt10":
        return notation.dates
    return order_of((time for file in files for time in table.times(file, notation)), said)


def decimal_marks(files: Iterable[Path], file_format: Format, notation: Notation) -> Mapping[str, DecimalMark]:
    """Return what parts the decimals of each column that needs it. Raises UnclearNumbers."""
    if file_format == "tt10" or notation.decimal is not None:
        return {}
    return marks_of(value for file in files for value in table.values(file, notation))


def flags(files: Iterable[Path], notation: Notation) -> Iterator[FlagLine | LineProblem]:
    """Yield the flags of all tables, one after the other."""
    for file in files:
        yield from table.flags(file, notation)


def unread_flags(files: Iterable[Path], notation: Notation) -> list[str]:
    """Return the columns of tables that hold experts' flags which nobody asks for."""
    return list(dict.fromkeys(name for file in files for name in table.unread_flags(file, notation)))


def digest(files: Sequence[Path], told: Iterable[str]) -> str:
    """Return the sha256 of names and contents, and of what was told of their meaning."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as data:
            while piece := data.read(PIECE):
                total.update(piece)
    total.update("\0".join(told).encode())
    return total.hexdigest()
