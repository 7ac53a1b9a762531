"""Exports as Excel workbooks, written row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import IO, Any, Final

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from reports.exports.columns import Column
from reports.exports.selection import BadSelection

XLSX_ROWS: Final = 1_048_575
"""Rows a sheet holds below its head (Microsoft: 1,048,576 rows a worksheet)."""


class TooLargeForExcel(BadSelection):
    """More rows than a sheet of Excel can hold."""


def write_workbook(title: str, columns: Sequence[Column], blocks: Iterable[bytes], out: IO[bytes]) -> int:
    """Write the rows to a sheet of this title and return their number. Raises TooLargeForExcel."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    sheet.append([column.name for column in columns])
    try:
        count = _fill(sheet, [column.kind for column in columns], blocks)
        book.save(out)
    finally:
        if not sheet.closed:  # it would keep its file
            sheet.close()
    return count


def _fill(sheet: WriteOnlyWorksheet, kinds: Sequence[str], blocks: Iterable[bytes]) -> int:
    count = 0
    for block in blocks:
        for row in csv.reader(block.decode().removesuffix("\n").split("\n")):
            count += 1
            if count > XLSX_ROWS:
                raise TooLargeForExcel(
                    "a sheet of Excel holds {rows} rows; there are more: choose a shorter time, fewer channels, or CSV",
                    rows=XLSX_ROWS,
                )  # fmt: skip
            sheet.append([_cell(sheet, text, kind) for text, kind in zip(row, kinds, strict=True)])
    return count


def _cell(sheet: WriteOnlyWorksheet, text: str, kind: str) -> Any:
    """Return a value as a cell has it: a time knows no zone there, the head of its column says which it is in."""
    if not text:
        return None
    if kind in ("time", "local"):
        return datetime.fromisoformat(text).replace(tzinfo=None)
    if kind == "truth":
        return text == "true"
    if kind == "text":
        return ILLEGAL_CHARACTERS_RE.sub(" ", text)
    return int(text) if kind == "count" else _number(sheet, text)


def _number(sheet: WriteOnlyWorksheet, text: str) -> Any:
    """Return a number; the library writes 16 digits, so one that needs 17 is a text with the type of a number."""
    value = float(text)
    if float(f"{value:.16g}") == value:
        return value
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "n"
    return cell
