"""The rows of a table in a file, as texts: CSV, compressed or not, Excel, Parquet. Memory does not grow with it."""

from __future__ import annotations

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import repeat
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
PIECE: Final = 1 << 20
BEGINNINGS: Final = {
    b"\x1f\x8b": (".gz", "a compressed file: name it .csv.gz"),
    b"PK\x03\x04": (EXCEL, "a ZIP archive or an Excel file: unpack it, or name it .xlsx"),
    b"PAR1\x15": (PARQUET, "a Parquet file: name it .parquet"),
    b"\x89HDF": ("", "a NetCDF or HDF5 file: export it as CSV, Excel or Parquet"),
    **dict.fromkeys((b"CDF\x01", b"CDF\x02", b"CDF\x05"), ("", "a NetCDF file: export it as CSV, Excel or Parquet")),
    b"\xd0\xcf\x11\xe0": ("", "an Excel file of before 2007: save it as .xlsx"),
    b"%PDF": ("", "a PDF: save the table as CSV or Excel"),
}
"""How files begin that are no texts (`PAR1` and `CDF` alone may be names of columns): what their names end with, and
what to do where another one stands."""
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
FORMULAS: Final = (b"<f>", b"<f ")
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
        if (other := _something_else(file)) is not None:
            yield LineProblem(place, f"found {other}; expected {_expected(file)}", is_end=True)
            return
        for row in rows:
            yield row
            place = FilePlace(file, row.place.number + 1)
    except DAMAGED as error:
        yield LineProblem(place, f"found {str(error) or type(error).__name__}, expected {_expected(file)}", is_end=True)


def _is_excel(file: Path) -> bool:
    return file.name.lower().endswith(EXCEL)


def _is_parquet(file: Path) -> bool:
    return file.name.lower().endswith(PARQUET)


def _something_else(file: Path) -> str | None:
    """Return what a file is that is no text, and not what its name says."""
    with file.open("rb") as data:
        begins = data.read(max(map(len, BEGINNINGS)))
    return next(
        (words for magic, (ending, words) in BEGINNINGS.items()
         if begins.startswith(magic) and not (ending and file.name.lower().endswith(ending))), None,
    )  # fmt: skip


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
    with file.open("rb") as data:
        encoding = "utf-16" if data.read(2) in UTF_16 else "utf-8-sig"
    return file.open(encoding=encoding, errors="replace", newline="")


def _excel(file: Path) -> Iterator[GridRow | LineProblem]:
    """Yield the rows of the first sheet; a formula whose value a program has not kept is a problem."""
    with closing(load_workbook(file, read_only=True, data_only=True)) as book, ExitStack() as opened:
        width = 0
        formulas: Iterator[Sequence[object]] = repeat(())
        if _has_formulas(file):
            typed = opened.enter_context(closing(load_workbook(file, read_only=True)))
            formulas = typed.worksheets[0].iter_rows(values_only=True)
        rows = zip(book.worksheets[0].iter_rows(values_only=True), formulas, strict=False)
        for number, (row, typed_row) in enumerate(rows, start=1):
            cells = [_text(cell) for cell in row]
            lost = next((f for f, cell in zip(typed_row, row, strict=False) if cell is None and _is_formula(f)), None)
            if lost is not None:
                place = FilePlace(file, number)
                yield LineProblem(place, f"found {lost}, a formula without its value: open and save the file in Excel")
            while len(cells) > width and not cells[-1]:
                cells.pop()
            width = width or len(cells)
            yield GridRow(FilePlace(file, number), [*cells, *[""] * (width - len(cells))])


def _is_formula(cell: object) -> bool:
    return cell is not None and (str(cell).startswith("=") or not isinstance(cell, str | float | int | datetime))


def _has_formulas(file: Path) -> bool:
    with zipfile.ZipFile(file) as parts:
        for name in parts.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with parts.open(name) as sheet:
                    tail = b""
                    while piece := sheet.read(PIECE):
                        if any(mark in tail + piece for mark in FORMULAS):
                            return True
                        tail = piece[-2:]
    return False


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
