"""Reads CSV files, long (a value a row) or wide (a row a time, a column a channel), with column names in the first row.

Long columns: `time` (or `time_utc`), `channel` or `parameter`, `value` (or `raw_value`, which is preferred), and if
wanted `unit`, `state`, `station`. So files of `quantrac export readings` go back in. A column of a wide file that names
no channel must be skipped by name. A decimal comma is read where the fields are parted by something else.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingest.importing.line import FilePlace, ImportLine, LineProblem, moment_ms, number, pieces, state

SUFFIX: Final = ".csv"
TIMES: Final = ("time_utc", "time", "thời gian", "ngày giờ")
NAMES: Final = ("channel", "parameter", "name", "thông số")
VALUES: Final = ("raw_value", "value", "giá trị")
UTC_COLUMN: Final = "time_utc"


class _Row(NamedTuple):
    """A row and the names of its columns."""

    place: FilePlace
    cells: Mapping[str, str]
    zone: ZoneInfo
    """Of a time without an offset."""


def lines(
    file: Path, station: str, zone: ZoneInfo, skipped: Collection[str] = ()
) -> Iterator[ImportLine | LineProblem]:
    """Yield every value of a file; rows that name another station are left out. Memory does not grow with the file."""
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        head = next(pieces(text), "")
        delimiter = max(";\t,", key=head.count)
        try:
            columns = [name.strip().lower() for name in next(csv.reader([head], delimiter=delimiter), [])]
        except csv.Error as error:
            yield LineProblem(FilePlace(file, 1), f"found {error}, expected the names of columns")
            return
        time = next((name for name in TIMES if name in columns), None)
        if time is None:
            yield LineProblem(FilePlace(file, 1), f"found columns {', '.join(columns)}, expected one named time")
            return
        value = next((name for name in VALUES if name in columns), None)
        left_out = {name.lower() for name in skipped}
        if twice := sorted({name for name in columns if name and columns.count(name) > 1} - left_out):
            yield LineProblem(FilePlace(file, 1), f"found column {', '.join(twice)} twice, expected each name once")
            return
        for row in _rows(file, pieces(text), delimiter, columns, zone):
            if isinstance(row, LineProblem):
                yield row
            elif row.cells.get("station", station) == station:
                yield from _long(row, time, value) if value else _wide(row, time, left_out)


def _rows(
    file: Path, text: Iterable[str], delimiter: str, columns: Sequence[str], zone: ZoneInfo
) -> Iterator[_Row | LineProblem]:
    """Yield the rows below the first line that are not empty."""
    rows = csv.reader(text, delimiter=delimiter)
    while True:
        try:
            fields = next(rows, None)
        except csv.Error as error:
            yield LineProblem(FilePlace(file, rows.line_num + 1), str(error))
            continue
        if fields is None:
            return
        place = FilePlace(file, rows.line_num + 1)
        if any("\n" in field for field in fields):
            yield LineProblem(place, "found a line break in a field that is quoted: is a quote not closed?")
        elif len(fields) == len(columns):
            yield _Row(place, dict(zip(columns, fields, strict=True)), zone)
        elif any(fields):
            yield LineProblem(place, f"found {len(fields)} fields, expected {len(columns)} as in line 1")


def _long(row: _Row, time: str, value: str) -> Iterator[ImportLine | LineProblem]:
    name = next((row.cells[each] for each in NAMES if each in row.cells), None)
    if name is None:
        yield LineProblem(row.place, "found a column of values, expected another one named channel or parameter")
    else:
        cells = row.cells
        yield _line(row, time, name, cells[value], cells.get("unit"), cells.get("state", ""))


def _wide(row: _Row, time: str, left_out: Collection[str]) -> Iterator[ImportLine | LineProblem]:
    for name in _channels(row.cells):
        if row.cells[name].strip() and name not in left_out:  # an empty cell is no reading
            yield _line(row, time, name, row.cells[name], None, "")


def _channels(cells: Mapping[str, str]) -> Sequence[str]:
    """Return the columns of a wide file that are channels: an export's local time is none."""
    exported = UTC_COLUMN in cells
    return [name for name in cells if name not in (*TIMES, "station") and not (exported and name.startswith("time_"))]


def _line(
    row: _Row, time: str, name: str, value_text: str, unit: str | None, state_text: str
) -> ImportLine | LineProblem:
    place, cells, zone = row
    try:
        value = number(value_text)
    except ValueError:
        return LineProblem(place, f"{name}: found {value_text!r}, expected a number")
    try:
        bare = cells[time].strip()
        t_ms = moment_ms(bare if time != UTC_COLUMN or "+" in bare or bare.endswith("Z") else f"{bare}+00:00", zone)
    except ValueError:
        return LineProblem(place, f"time: found {cells[time]!r}, expected such as 2024-05-01 07:05 or 01/05/2024 07:05")
    try:
        return ImportLine(place, name.strip(), value, unit, t_ms, state(state_text, value))
    except ValueError:
        return LineProblem(place, f"state: found {state_text!r}, expected 00, 01, 02 or a word such as ok, cal, fault")
