"""Reads tables, long (a value a row) or wide (a row a time, a column a channel), with column names in the first row.

Long columns: `time` (or `time_utc`), `channel` or `parameter`, `value` (or `raw_value`, which is preferred), and if
wanted `unit`, `state`, `station`. So files of `quantrac export readings` go back in. A column of a wide file that names
no channel must be skipped by name. A decimal comma is read where the fields are parted by something else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingest.importing.grid import grid
from ingest.importing.line import FilePlace, ImportLine, LineProblem, number, state
from ingest.importing.names import is_skipped
from ingest.importing.times import DateOrder, moment_ms

TIMES: Final = ("time_utc", "time", "thời gian", "ngày giờ")
NAMES: Final = ("channel", "parameter", "name", "thông số")
VALUES: Final = ("raw_value", "value", "giá trị")
UTC_COLUMN: Final = "time_utc"


class Notation(NamedTuple):
    """How the tables of an import are to be read."""

    station: str
    """Rows that name another one are left out."""
    zone: ZoneInfo
    """Of times without an offset."""
    skipped: Collection[str] = ()
    """Names of columns and channels that are left out, `*` and `?` as in names of files."""
    dates: DateOrder = "day-first"

    def skips(self, name: str) -> bool:
        """Tell whether a name is left out."""
        return is_skipped(name, self.skipped)


class _Row(NamedTuple):
    """A row and the names of its columns."""

    place: FilePlace
    cells: Mapping[str, str]


class _Head(NamedTuple):
    """The columns of a file."""

    columns: Sequence[str]
    time: str
    value: str | None
    """None: a wide file."""
    channels: Sequence[str]
    """The columns of a wide file that are to be read: an export's local time is none of them."""


def lines(file: Path, notation: Notation) -> Iterator[ImportLine | LineProblem]:
    """Yield every value of a file. Memory does not grow with the file."""
    for row in _rows(file, notation):
        if isinstance(row, LineProblem):
            yield row
        else:
            yield from _values(*row, notation)


def times(file: Path, notation: Notation) -> Iterator[tuple[FilePlace, str]]:
    """Yield the time of every row, as it is written."""
    for row in _rows(file, notation):
        if not isinstance(row, LineProblem):
            yield row[0].place, row[0].cells[row[1].time].strip()


def _rows(file: Path, notation: Notation) -> Iterator[tuple[_Row, _Head] | LineProblem]:
    """Yield the rows below the first line that are not empty and are of the station."""
    head: _Head | None = None
    for row in grid(file):
        if isinstance(row, LineProblem):
            yield row
        elif head is None:
            found = _head(row.place, row.cells, notation)
            if isinstance(found, LineProblem):
                yield found
                return
            head = found
        elif len(row.cells) == len(head.columns):
            cells = dict(zip(head.columns, row.cells, strict=True))
            if any(row.cells) and cells.get("station", notation.station) == notation.station:
                yield _Row(row.place, cells), head
        elif any(row.cells):
            yield LineProblem(row.place, f"found {len(row.cells)} fields, expected {len(head.columns)} as in line 1")


def _head(place: FilePlace, cells: Sequence[str], notation: Notation) -> _Head | LineProblem:
    columns = [name.strip().lower() for name in cells]
    time = next((name for name in TIMES if name in columns), None)
    if time is None:
        return LineProblem(place, f"found columns {', '.join(columns)}, expected one named time")
    if twice := sorted({name for name in columns if columns.count(name) > 1 and name and not notation.skips(name)}):
        return LineProblem(place, f"found column {', '.join(twice)} twice, expected each name once")
    value = next((name for name in VALUES if name in columns), None)
    channels = [name for name in dict.fromkeys(columns) if _is_channel(name, columns) and not notation.skips(name)]
    return _Head(columns, time, value, channels)


def _values(row: _Row, head: _Head, notation: Notation) -> Iterator[ImportLine | LineProblem]:
    cells = row.cells
    if head.value is None:
        for name in head.channels:
            if cells[name].strip():  # an empty cell is no reading
                yield _line(row, head.time, name, cells[name], None, "", notation)
        return
    named = next((cells[each] for each in NAMES if each in cells), None)
    if named is None:
        yield LineProblem(row.place, "found a column of values, expected another one named channel or parameter")
    else:
        yield _line(row, head.time, named, cells[head.value], cells.get("unit"), cells.get("state", ""), notation)


def _is_channel(name: str, columns: Sequence[str]) -> bool:
    is_local_time = UTC_COLUMN in columns and name.startswith("time_")
    return name not in (*TIMES, "station") and not is_local_time


def _line(
    row: _Row, time: str, name: str, value_text: str, unit: str | None, state_text: str, notation: Notation
) -> ImportLine | LineProblem:
    place, cells = row
    try:
        value = number(value_text)
    except ValueError:
        return LineProblem(place, f"{name}: found {value_text!r}, expected a number")
    try:
        bare = cells[time].strip()
        is_utc = time == UTC_COLUMN and "+" not in bare and not bare.endswith("Z")
        t_ms = moment_ms(f"{bare}+00:00" if is_utc else bare, notation.zone, notation.dates)
    except ValueError:
        expected = "01/05/2024 07:05" if notation.dates == "day-first" else "05/01/2024 07:05, month first"
        return LineProblem(place, f"time: found {cells[time]!r}, expected such as 2024-05-01 07:05 or {expected}")
    try:
        return ImportLine(place, name.strip(), value, unit, t_ms, state(state_text, value))
    except ValueError:
        return LineProblem(place, f"state: found {state_text!r}, expected 00, 01, 02 or a word such as ok, cal, fault")
