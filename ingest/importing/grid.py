"""The rows of a table in a file, as texts: CSV, compressed or not, Excel, Parquet. Memory does not grow with it."""

from __future__ import annotations

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from openpyxl import load_workbook

from ingest.importing.line import FilePlace, LineProblem, pieces
from ingest.importing.numbers import CellNumber

EXCEL: Final = ".xlsx"
PARQUET: Final = ".parquet"
SUFFIXES: Final = (".csv", ".csv.gz", EXCEL, PARQUET)
DAMAGED: Final = (
    OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, SyntaxError, LookupError, ValueError, TypeError,
)  # fmt: skip
"""What is raised of files that are damaged, or are not what their names say: by gzip and zlib; of a workbook by
zipfile (RuntimeError: encrypted), the parser of XML (SyntaxError), and openpyxl (TypeError: an unknown attribute); by
pyarrow as OSError and ValueError."""
ROWS_A_BATCH: Final = 10_000
ROUNDED: Final = timedelta(microseconds=500)
"""Excel keeps a moment as a fraction of a day, which is some microseconds off."""


class GridRow(NamedTuple):
    """A row of cells."""

    place: FilePlace
    cells: Sequence[str]


def grid(file: Path) -> Iterator[GridRow | LineProblem]:
    """Yield the rows of a file, first that of the names, and what is wrong with those that cannot be read.

    Where the file is damaged, the last thing is a problem that says so (`is_end`).
    """
    rows = _excel(file) if _is_excel(file) else _parquet(file) if _is_parquet(file) else _csv(file)
    place = FilePlace(file, 1)
    try:
        for row in rows:
            yield row
            place = FilePlace(file, row.place.number + 1)
    except DAMAGED as error:
        yield LineProblem(place, f"found {str(error) or type(error).__name__}, expected {_expected(file)}", is_end=True)


def _is_excel(file: Path) -> bool:
    return file.name.lower().endswith(EXCEL)


def _is_parquet(file: Path) -> bool:
    return file.name.lower().endswith(PARQUET)


def _expected(file: Path) -> str:
    if _is_parquet(file):
        return "a Parquet file"
    return "an Excel file (.xlsx)" if _is_excel(file) else "a CSV file, compressed if it ends in .gz"


def _csv(file: Path) -> Iterator[GridRow | LineProblem]:
    with _opened(file) as text:
        head = next(pieces(text), "")
        delimiter = max(";\t,", key=head.count)
        try:
            yield GridRow(FilePlace(file, 1), next(csv.reader([head], delimiter=delimiter), []))
        except csv.Error as error:
            yield LineProblem(FilePlace(file, 1), f"found {error}, expected the names of columns")
            return
        rows = csv.reader(pieces(text), delimiter=delimiter)
        while True:
            try:
                cells = next(rows, None)
            except csv.Error as error:
                yield LineProblem(FilePlace(file, rows.line_num + 1), str(error))
                continue
            if cells is None:
                return
            place = FilePlace(file, rows.line_num + 1)
            if any("\n" in cell for cell in cells):
                yield LineProblem(place, "found a line break in a field that is quoted: is a quote not closed?")
            else:
                yield GridRow(place, cells)


def _opened(file: Path) -> TextIO:
    if file.suffix.lower() == ".gz":
        return gzip.open(file, "rt", encoding="utf-8-sig", errors="replace", newline="")
    return file.open(encoding="utf-8-sig", errors="replace", newline="")


def _excel(file: Path) -> Iterator[GridRow]:
    """Yield the rows of the first sheet."""
    with closing(load_workbook(file, read_only=True, data_only=True)) as book:
        width = 0
        for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True), start=1):
            cells = [_text(cell) for cell in row]
            while len(cells) > width and not cells[-1]:
                cells.pop()
            width = width or len(cells)
            yield GridRow(FilePlace(file, number), [*cells, *[""] * (width - len(cells))])


def _parquet(file: Path) -> Iterator[GridRow]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file) as table:
        yield GridRow(FilePlace(file, 1), table.schema_arrow.names)
        number = 1
        for batch in table.iter_batches(ROWS_A_BATCH):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield GridRow(FilePlace(file, number), [_text(cell) for cell in row])


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime) and cell.tzinfo is not None:
        return cell.isoformat()
    if isinstance(cell, datetime):
        return (cell + ROUNDED).isoformat(sep=" ", timespec="milliseconds")
    return CellNumber(cell) if isinstance(cell, float | Decimal) else str(cell)
